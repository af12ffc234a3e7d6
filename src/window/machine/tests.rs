use super::*;

fn at(seconds: u64) -> Instant {
    Instant::since_boot(Duration::from_secs(seconds))
}

/// Feeds the events one by one; gives what was done at the last.
fn run(held: bool, events: &[Event]) -> Vec<Action> {
    let mut machine = Machine::new(held);
    let mut last = Vec::new();
    for event in events {
        (machine, last) = machine.on(*event);
    }
    last
}

#[test]
fn every_way_out_of_an_open_window_is_a_close() {
    let open = [Event::EndSet(at(100)), Event::Opened];
    for (held, event) in [
        (false, Event::Signal(Signal::Term)),
        (false, Event::Signal(Signal::Hup)),
        (false, Event::ChildEnded),
        (false, Event::Panicked),
        (true, Event::Quit),
        (true, Event::Signal(Signal::Int)),
        (true, Event::Signal(Signal::Quit)),
    ] {
        assert_eq!(run(held, &[open[0], open[1], event]), [Action::Close], "{event:?}");
    }
}

#[test]
fn the_deadline_ends_the_child_before_anything_else_and_once() {
    let mut events = vec![Event::EndSet(at(100)), Event::Opened, Event::Tick(at(100))];
    for held in [false, true] {
        assert_eq!(run(held, &events), [Action::EndChild, Action::Close]);
    }
    events.push(Event::Tick(at(101)));
    assert_eq!(run(false, &events), []);
    // A close that hangs over it does not keep the child.
    let slow = [Event::EndSet(at(100)), Event::Opened, Event::Signal(Signal::Term), Event::Tick(at(99))];
    assert_eq!(run(false, &slow), []);
    let slow = [&slow[..], &[Event::Tick(at(100))]].concat();
    assert_eq!(run(false, &slow), [Action::EndChild]);
}

#[test]
fn the_keyboards_signals_are_the_childs() {
    let events = [Event::EndSet(at(100)), Event::Opened, Event::Signal(Signal::Int)];
    assert_eq!(run(false, &events), [Action::Forward(Signal::Int)]);
    let events = [Event::EndSet(at(100)), Event::Opened, Event::Quit];
    assert_eq!(run(false, &events), []);
}

#[test]
fn an_opening_stops_at_a_safe_place_and_then_closes() {
    let stopped = [Event::Signal(Signal::Term), Event::NotOpened { touched: true }];
    assert_eq!(run(false, &stopped[..1]), [Action::StopOpening]);
    assert_eq!(run(false, &stopped), [Action::Close]);
    assert_eq!(
        run(false, &[Event::Signal(Signal::Term), Event::Opened]),
        [Action::Close],
        "it came too late"
    );
    let untouched = [Event::Signal(Signal::Term), Event::NotOpened { touched: false }];
    assert_eq!(run(false, &untouched), [Action::Finish(End::Untouched(Cause::Signal(Signal::Term)))]);
    assert_eq!(run(false, &[Event::Panicked]), [Action::Close]);
    let late = [Event::EndSet(at(5)), Event::Tick(at(6)), Event::Tick(at(7))];
    assert_eq!(run(false, &late[..2]), [Action::StopOpening]);
    assert_eq!(run(false, &late), [], "once");
}

#[test]
fn a_second_signal_says_what_is_left_and_a_third_gives_up() {
    let mut events =
        vec![Event::EndSet(at(100)), Event::Opened, Event::Signal(Signal::Term), Event::Signal(Signal::Int)];
    assert_eq!(run(true, &events), [Action::SayWhatIsLeft]);
    events.push(Event::Signal(Signal::Int));
    assert_eq!(run(true, &events), [Action::GiveUp]);
    events.push(Event::Closed { proven: false });
    assert_eq!(run(true, &events), [Action::Finish(End::MayBeOpen(Cause::Signal(Signal::Term)))]);
}

#[test]
fn the_first_cause_stands() {
    let events = [
        Event::EndSet(at(9)),
        Event::Opened,
        Event::ChildEnded,
        Event::Tick(at(9)),
        Event::Closed { proven: true },
    ];
    assert_eq!(run(false, &events), [Action::Finish(End::Shut(Cause::ChildEnded))]);
}

#[test]
fn ten_five_and_one_minute_are_said_once_each() {
    let mut machine = Machine::new(true);
    (machine, _) = machine.on(Event::EndSet(at(2000)));
    (machine, _) = machine.on(Event::Opened);
    let mut said = Vec::new();
    for second in 0..2000 {
        let actions;
        (machine, actions) = machine.on(Event::Tick(at(second)));
        said.extend(actions.into_iter().filter_map(|a| match a {
            Action::Warn(minutes) => Some((second, minutes)),
            _ => None,
        }));
    }
    assert_eq!(said, [(1400, 10), (1700, 5), (1940, 1)]);
}

#[test]
fn a_short_window_warns_only_of_what_it_reaches() {
    let mut machine = Machine::new(true);
    (machine, _) = machine.on(Event::EndSet(at(240)));
    (machine, _) = machine.on(Event::Opened);
    let mut said = Vec::new();
    for second in 1..240 {
        let actions;
        (machine, actions) = machine.on(Event::Tick(at(second)));
        said.extend(actions.into_iter().filter(|a| matches!(a, Action::Warn(_))));
    }
    assert_eq!(said, [Action::Warn(1)]);
}

#[test]
fn a_sleep_past_the_deadline_ends_the_window_on_waking() {
    let events = [Event::EndSet(at(100)), Event::Opened, Event::Tick(at(1)), Event::Tick(at(90_000))];
    assert_eq!(run(true, &events), [Action::EndChild, Action::Close]);
}

/// Every sequence of five events ends in an end once the opening and the close have ended.
#[test]
fn whatever_happens_it_comes_to_an_end() {
    let events = [
        Event::EndSet(at(10)),
        Event::Opened,
        Event::NotOpened { touched: true },
        Event::Tick(at(5)),
        Event::Tick(at(10)),
        Event::Signal(Signal::Int),
        Event::Signal(Signal::Term),
        Event::Quit,
        Event::ChildEnded,
        Event::Panicked,
        Event::Closed { proven: false },
    ];
    let all = events.len();
    for number in 0..all.pow(5) {
        let mut machine = Machine::new(number % 2 == 0);
        for place in 0..5 {
            (machine, _) = machine.on(events[number / all.pow(place) % all]);
        }
        let closing =
            [Event::NotOpened { touched: true }, Event::Signal(Signal::Term), Event::Closed { proven: true }];
        for event in closing {
            (machine, _) = machine.on(event);
        }
        assert!(machine.is_over(), "{number}: {machine:?}");
    }
}
