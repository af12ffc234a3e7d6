//! What happens next: `(state, event) → (state, actions)`. Time is an event; every way leads to a close.

use std::time::Duration;

use super::Instant;

/// INT, QUIT: the child's own while there is one.
const INT: u8 = 2;
const QUIT: u8 = 3;

/// Minutes before the end at which it is said.
const WARNINGS: [u64; 3] = [10, 5, 1];

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// T0 is known, and with it the deadline.
    EndSet(Instant),
    /// The gate is open and the probe says so.
    Opened,
    /// The opening ended without a window; something was written or not.
    NotOpened {
        /// Something has to be closed.
        touched: bool,
    },
    /// The time.
    Tick(Instant),
    /// A signal to this process.
    Signal(u8),
    /// `q` on the keyboard of a held window.
    Quit,
    /// The program in the window ended, or never started.
    ChildEnded,
    /// Something in this program broke.
    Panicked,
    /// The close ended: proven, or not.
    Closed {
        /// Access is proven shut.
        proven: bool,
    },
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask the opening to stop at the next safe place.
    StopOpening,
    /// Start the program, or show that the window is held.
    Begin,
    /// The countdown has moved.
    Show(Duration),
    /// Say that this many minutes are left.
    Warn(u64),
    /// Pass a signal to the program in the window.
    Forward(u8),
    /// Deny, deactivate, end, prove.
    Close,
    /// A signal came while closing: say what is left to do.
    SayWhatIsLeft,
    /// It came again: stop waiting for the proof.
    GiveUp,
    /// Leave.
    Finish(End),
}

/// Why a window ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// T1.
    Deadline,
    /// A signal.
    Signal(u8),
    /// The program in it ended.
    ChildEnded,
    /// The operator pressed `q`.
    Quit,
    /// The opening failed.
    Failed,
    /// Something in this program broke.
    Panicked,
    /// There is no window of this process: a close was asked for.
    Asked,
}

/// How it all ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Nothing was written, nothing had to be closed.
    Untouched(Cause),
    /// Access is shut, and that is proven.
    Shut(Cause),
    /// Access may be open until T1.
    MayBeOpen(Cause),
}

/// Where it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Opening { stop: Option<Cause> },
    Open { warned: u64 },
    Closing { cause: Cause, signals: u8 },
    Over,
}

/// The window's state machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    state: State,
    deadline: Option<Instant>,
    /// There is no program in the window; the keyboard is ours.
    held: bool,
}

impl Machine {
    /// Before the first call to AWS.
    pub fn new(held: bool) -> Self {
        Self { state: State::Opening { stop: None }, deadline: None, held }
    }

    /// Nothing but the close, and the first action of it.
    pub fn closing(cause: Cause) -> (Self, Vec<Action>) {
        let (state, actions) = close(cause);
        (Self { state, deadline: None, held: true }, actions)
    }

    /// The state after `event`, and what is to be done.
    #[must_use]
    pub fn on(mut self, event: Event) -> (Self, Vec<Action>) {
        if let Event::EndSet(deadline) = event {
            self.deadline = self.deadline.or(Some(deadline));
            return (self, Vec::new());
        }
        let (state, actions) = match self.state {
            State::Opening { stop } => self.opening(stop, event),
            State::Open { warned } => self.open(warned, event),
            State::Closing { cause, signals } => closing(cause, signals, event),
            State::Over => (State::Over, Vec::new()),
        };
        self.state = state;
        (self, actions)
    }

    /// The machine has finished.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn opening(&self, stop: Option<Cause>, event: Event) -> (State, Vec<Action>) {
        let wish = match event {
            Event::Signal(number) => Some(Cause::Signal(number)),
            Event::Quit => Some(Cause::Quit),
            Event::Tick(now) if self.is_past(now) => Some(Cause::Deadline),
            _ => None,
        };
        match (event, stop.or(wish)) {
            (Event::Opened, None) => (State::Open { warned: u64::MAX }, vec![Action::Begin]),
            (Event::Opened, Some(cause)) => close(cause),
            (Event::NotOpened { touched: true }, cause) => close(cause.unwrap_or(Cause::Failed)),
            (Event::NotOpened { touched: false }, cause) => {
                (State::Over, vec![Action::Finish(End::Untouched(cause.unwrap_or(Cause::Failed)))])
            }
            (Event::Panicked, _) => close(Cause::Panicked),
            (_, stop @ Some(_)) if wish.is_some() => (State::Opening { stop }, vec![Action::StopOpening]),
            (_, stop) => (State::Opening { stop }, Vec::new()),
        }
    }

    fn open(&self, warned: u64, event: Event) -> (State, Vec<Action>) {
        match event {
            Event::Tick(now) if self.is_past(now) => close(Cause::Deadline),
            Event::Tick(now) => self.tick(warned, now),
            Event::Signal(number @ (INT | QUIT)) if !self.held => {
                (State::Open { warned }, vec![Action::Forward(number)])
            }
            Event::Signal(number) => close(Cause::Signal(number)),
            Event::Quit if self.held => close(Cause::Quit),
            Event::ChildEnded => close(Cause::ChildEnded),
            Event::Panicked => close(Cause::Panicked),
            _ => (State::Open { warned }, Vec::new()),
        }
    }

    /// The first tick only sets the scale: a window of four minutes does not warn of ten.
    fn tick(&self, warned: u64, now: Instant) -> (State, Vec<Action>) {
        let Some(deadline) = self.deadline else {
            return (State::Open { warned }, Vec::new());
        };
        let left = deadline.since(now);
        let mut actions = vec![Action::Show(left)];
        let due = WARNINGS.into_iter().rev().find(|minutes| left <= Duration::from_secs(minutes * 60));
        match due {
            Some(minutes) if minutes < warned => {
                if warned != u64::MAX || left.as_secs() + 1 >= minutes * 60 {
                    actions.push(Action::Warn(minutes));
                }
                (State::Open { warned: minutes }, actions)
            }
            None if warned == u64::MAX => (State::Open { warned: u64::MAX - 1 }, actions),
            _ => (State::Open { warned }, actions),
        }
    }

    fn is_past(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }
}

fn close(cause: Cause) -> (State, Vec<Action>) {
    (State::Closing { cause, signals: 0 }, vec![Action::Close])
}

fn closing(cause: Cause, signals: u8, event: Event) -> (State, Vec<Action>) {
    match event {
        Event::Closed { proven: true } => (State::Over, vec![Action::Finish(End::Shut(cause))]),
        Event::Closed { proven: false } | Event::Panicked => {
            (State::Over, vec![Action::Finish(End::MayBeOpen(cause))])
        }
        Event::Signal(_) | Event::Quit if signals == 0 => {
            (State::Closing { cause, signals: 1 }, vec![Action::SayWhatIsLeft])
        }
        Event::Signal(_) | Event::Quit => {
            (State::Closing { cause, signals: signals.saturating_add(1) }, vec![Action::GiveUp])
        }
        _ => (State::Closing { cause, signals }, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: u8 = 15;

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
            (false, Event::Tick(at(100))),
            (false, Event::Signal(TERM)),
            (false, Event::Signal(1)),
            (false, Event::ChildEnded),
            (false, Event::Panicked),
            (true, Event::Quit),
            (true, Event::Signal(INT)),
            (true, Event::Signal(QUIT)),
            (true, Event::Tick(at(5000))),
        ] {
            assert_eq!(run(held, &[open[0], open[1], event]), [Action::Close], "{event:?}");
        }
    }

    #[test]
    fn the_keyboards_signals_are_the_childs() {
        let events = [Event::EndSet(at(100)), Event::Opened, Event::Signal(INT)];
        assert_eq!(run(false, &events), [Action::Forward(INT)]);
        let events = [Event::EndSet(at(100)), Event::Opened, Event::Quit];
        assert_eq!(run(false, &events), []);
    }

    #[test]
    fn an_opening_stops_at_a_safe_place_and_then_closes() {
        let stopped = [Event::Signal(TERM), Event::NotOpened { touched: true }];
        assert_eq!(run(false, &stopped[..1]), [Action::StopOpening]);
        assert_eq!(run(false, &stopped), [Action::Close]);
        assert_eq!(run(false, &[Event::Signal(TERM), Event::Opened]), [Action::Close], "it came too late");
        let untouched = [Event::Signal(TERM), Event::NotOpened { touched: false }];
        assert_eq!(run(false, &untouched), [Action::Finish(End::Untouched(Cause::Signal(TERM)))]);
        assert_eq!(run(false, &[Event::Panicked]), [Action::Close]);
        assert_eq!(run(false, &[Event::EndSet(at(5)), Event::Tick(at(6))]), [Action::StopOpening]);
    }

    #[test]
    fn a_second_signal_says_what_is_left_and_a_third_gives_up() {
        let mut events = vec![Event::EndSet(at(100)), Event::Opened, Event::Signal(TERM), Event::Signal(INT)];
        assert_eq!(run(true, &events), [Action::SayWhatIsLeft]);
        events.push(Event::Signal(INT));
        assert_eq!(run(true, &events), [Action::GiveUp]);
        events.push(Event::Closed { proven: false });
        assert_eq!(run(true, &events), [Action::Finish(End::MayBeOpen(Cause::Signal(TERM)))]);
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
        assert_eq!(run(true, &events), [Action::Close]);
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
            Event::Signal(INT),
            Event::Signal(TERM),
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
                [Event::NotOpened { touched: true }, Event::Signal(TERM), Event::Closed { proven: true }];
            for event in closing {
                (machine, _) = machine.on(event);
            }
            assert!(machine.is_over(), "{number}: {machine:?}");
        }
    }
}
