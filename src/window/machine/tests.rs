use super::*;

fn at(seconds: u64) -> Instant {
    Instant::since_boot(Duration::from_secs(seconds))
}

/// Handles the events in order. Returns the actions of the last event.
fn run(held: bool, events: &[WindowEvent]) -> Vec<Action> {
    let mut machine = Machine::new(held);
    let mut last = Vec::new();
    for event in events {
        (machine, last) = machine.handle(*event);
    }
    last
}

#[test]
fn every_cause_that_ends_an_open_window_closes_access() {
    let open = [WindowEvent::EndSet(at(100)), WindowEvent::Opened];
    for (held, event) in [
        (false, WindowEvent::Signal(Signal::Term)),
        (false, WindowEvent::Signal(Signal::Hup)),
        (false, WindowEvent::ChildEnded),
        (false, WindowEvent::Panicked),
        (true, WindowEvent::Quit),
        (true, WindowEvent::Signal(Signal::Int)),
        (true, WindowEvent::Signal(Signal::Quit)),
    ] {
        assert_eq!(run(held, &[open[0], open[1], event]), [Action::Close], "{event:?}");
    }
}

#[test]
fn at_the_deadline_the_child_is_ended_first_and_only_once() {
    let mut events = vec![WindowEvent::EndSet(at(100)), WindowEvent::Opened, WindowEvent::Tick(at(100))];
    for held in [false, true] {
        assert_eq!(run(held, &events), [Action::EndChild, Action::Close]);
    }
    events.push(WindowEvent::Tick(at(101)));
    assert_eq!(run(false, &events), []);
    // If the deadline comes during a close, the child process also ends.
    let slow = [
        WindowEvent::EndSet(at(100)),
        WindowEvent::Opened,
        WindowEvent::Signal(Signal::Term),
        WindowEvent::Tick(at(99)),
    ];
    assert_eq!(run(false, &slow), []);
    let slow = [&slow[..], &[WindowEvent::Tick(at(100))]].concat();
    assert_eq!(run(false, &slow), [Action::EndChild]);
}

#[test]
fn signals_of_the_keyboard_are_forwarded_to_the_child() {
    let events = [WindowEvent::EndSet(at(100)), WindowEvent::Opened, WindowEvent::Signal(Signal::Int)];
    assert_eq!(run(false, &events), [Action::Forward(Signal::Int)]);
    let events = [WindowEvent::EndSet(at(100)), WindowEvent::Opened, WindowEvent::Quit];
    assert_eq!(run(false, &events), []);
}

#[test]
fn a_stopped_opening_closes_if_it_has_written_to_aws() {
    let stopped = [WindowEvent::Signal(Signal::Term), WindowEvent::NotOpened { touched: true }];
    assert_eq!(run(false, &stopped[..1]), [Action::StopOpening]);
    assert_eq!(run(false, &stopped), [Action::Close]);
    assert_eq!(
        run(false, &[WindowEvent::Signal(Signal::Term), WindowEvent::Opened]),
        [Action::Close],
        "a signal that comes too late to stop the opening should start a close"
    );
    let untouched = [WindowEvent::Signal(Signal::Term), WindowEvent::NotOpened { touched: false }];
    assert_eq!(run(false, &untouched), [Action::Finish(End::Untouched(Cause::Signal(Signal::Term)))]);
    assert_eq!(run(false, &[WindowEvent::Panicked]), [Action::Close]);
    let late = [WindowEvent::EndSet(at(5)), WindowEvent::Tick(at(6)), WindowEvent::Tick(at(7))];
    assert_eq!(run(false, &late[..2]), [Action::StopOpening]);
    assert_eq!(run(false, &late), [], "the opening should be asked to stop only once");
}

#[test]
fn during_a_close_one_signal_prints_what_is_left_and_the_next_gives_up() {
    let mut events = vec![
        WindowEvent::EndSet(at(100)),
        WindowEvent::Opened,
        WindowEvent::Signal(Signal::Term),
        WindowEvent::Signal(Signal::Int),
    ];
    assert_eq!(run(true, &events), [Action::SayWhatIsLeft]);
    events.push(WindowEvent::Signal(Signal::Int));
    assert_eq!(run(true, &events), [Action::GiveUp]);
    events.push(WindowEvent::Closed { proven: false });
    assert_eq!(run(true, &events), [Action::Finish(End::MayBeOpen(Cause::Signal(Signal::Term)))]);
}

#[test]
fn if_several_causes_end_a_window_the_first_cause_is_reported() {
    let events = [
        WindowEvent::EndSet(at(9)),
        WindowEvent::Opened,
        WindowEvent::ChildEnded,
        WindowEvent::Tick(at(9)),
        WindowEvent::Closed { proven: true },
    ];
    assert_eq!(run(false, &events), [Action::Finish(End::Closed(Cause::ChildEnded))]);
}

#[test]
fn a_warning_comes_once_at_ten_five_and_one_minute() {
    let mut machine = Machine::new(true);
    (machine, _) = machine.handle(WindowEvent::EndSet(at(2000)));
    (machine, _) = machine.handle(WindowEvent::Opened);
    let mut warnings = Vec::new();
    for second in 0..2000 {
        let actions;
        (machine, actions) = machine.handle(WindowEvent::Tick(at(second)));
        warnings.extend(actions.into_iter().filter_map(|a| match a {
            Action::Warn(minutes) => Some((second, minutes)),
            _ => None,
        }));
    }
    assert_eq!(warnings, [(1400, 10), (1700, 5), (1940, 1)]);
}

#[test]
fn a_short_window_skips_the_warnings_before_its_start() {
    let mut machine = Machine::new(true);
    (machine, _) = machine.handle(WindowEvent::EndSet(at(240)));
    (machine, _) = machine.handle(WindowEvent::Opened);
    let mut warnings = Vec::new();
    for second in 1..240 {
        let actions;
        (machine, actions) = machine.handle(WindowEvent::Tick(at(second)));
        warnings.extend(actions.into_iter().filter(|a| matches!(a, Action::Warn(_))));
    }
    assert_eq!(warnings, [Action::Warn(1)]);
}

#[test]
fn after_a_suspend_past_the_deadline_the_window_ends_at_once() {
    let events = [
        WindowEvent::EndSet(at(100)),
        WindowEvent::Opened,
        WindowEvent::Tick(at(1)),
        WindowEvent::Tick(at(90_000)),
    ];
    assert_eq!(run(true, &events), [Action::EndChild, Action::Close]);
}

/// Tries every sequence of five events. After each sequence, three more events follow: the opening ends, a signal
/// comes, and the close ends.
#[test]
fn after_any_five_events_the_machine_ends() {
    let events = [
        WindowEvent::EndSet(at(10)),
        WindowEvent::Opened,
        WindowEvent::NotOpened { touched: true },
        WindowEvent::Tick(at(5)),
        WindowEvent::Tick(at(10)),
        WindowEvent::Signal(Signal::Int),
        WindowEvent::Signal(Signal::Term),
        WindowEvent::Quit,
        WindowEvent::ChildEnded,
        WindowEvent::Panicked,
        WindowEvent::Closed { proven: false },
    ];
    let all = events.len();
    for number in 0..all.pow(5) {
        let mut machine = Machine::new(number % 2 == 0);
        for place in 0..5 {
            (machine, _) = machine.handle(events[number / all.pow(place) % all]);
        }
        let closing = [
            WindowEvent::NotOpened { touched: true },
            WindowEvent::Signal(Signal::Term),
            WindowEvent::Closed { proven: true },
        ];
        for event in closing {
            (machine, _) = machine.handle(event);
        }
        assert!(machine.is_over(), "{number}: {machine:?}");
    }
}
