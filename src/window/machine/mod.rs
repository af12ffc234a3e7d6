//! What happens next: `(state, event) → (state, actions)`. Time is an event; every way leads to a close.

use std::time::Duration;

use crate::boot_clock::Instant;
use crate::signal::Signal;

/// Minutes before the end at which it is said.
const WARNINGS: [u64; 3] = [10, 5, 1];

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WindowEvent {
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
    Signal(Signal),
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
    Forward(Signal),
    /// End the program in the window at once, whatever AWS does meanwhile.
    EndChild,
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
    Signal(Signal),
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
    Closed(Cause),
    /// Access may be open until T1.
    MayBeOpen(Cause),
}

impl End {
    /// What ended it.
    pub fn cause(self) -> Cause {
        match self {
            Self::Untouched(cause) | Self::Closed(cause) | Self::MayBeOpen(cause) => cause,
        }
    }
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
    /// The deadline has passed for the program in the window.
    is_over_time: bool,
}

impl Machine {
    /// Before the first call to AWS.
    pub fn new(held: bool) -> Self {
        Self { state: State::Opening { stop: None }, deadline: None, held, is_over_time: false }
    }

    /// Nothing but the close, and the first action of it.
    pub fn closing(cause: Cause) -> (Self, Vec<Action>) {
        let (state, actions) = close(cause);
        (Self { state, deadline: None, held: true, is_over_time: false }, actions)
    }

    /// The state after `event`, and what is to be done.
    #[must_use]
    pub fn handle(mut self, event: WindowEvent) -> (Self, Vec<Action>) {
        if let WindowEvent::EndSet(deadline) = event {
            self.deadline = self.deadline.or(Some(deadline));
            return (self, Vec::new());
        }
        let (state, mut actions) = match self.state {
            State::Opening { stop } => self.opening(stop, event),
            State::Open { warned } => self.open(warned, event),
            State::Closing { cause, signals } => closing(cause, signals, event),
            State::Over => (State::Over, Vec::new()),
        };
        self.state = state;
        if matches!(state, State::Closing { .. }) && self.passes(event) {
            self.is_over_time = true;
            actions.insert(0, Action::EndChild);
        }
        (self, actions)
    }

    /// The deadline passes, for the first time.
    fn passes(&self, event: WindowEvent) -> bool {
        !self.is_over_time && matches!(event, WindowEvent::Tick(now) if self.is_past(now))
    }

    /// The machine has finished.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn opening(&self, stop: Option<Cause>, event: WindowEvent) -> (State, Vec<Action>) {
        let wish = match event {
            WindowEvent::Signal(signal) => Some(Cause::Signal(signal)),
            WindowEvent::Quit => Some(Cause::Quit),
            WindowEvent::Tick(now) if self.is_past(now) => Some(Cause::Deadline),
            _ => None,
        };
        // The deadline goes on passing; that it stops is said once.
        let is_said = stop.is_some() && matches!(event, WindowEvent::Tick(_));
        match (event, stop.or(wish)) {
            (WindowEvent::Opened, None) => (State::Open { warned: u64::MAX }, vec![Action::Begin]),
            (WindowEvent::Opened, Some(cause)) => close(cause),
            (WindowEvent::NotOpened { touched: true }, cause) => close(cause.unwrap_or(Cause::Failed)),
            (WindowEvent::NotOpened { touched: false }, cause) => {
                (State::Over, vec![Action::Finish(End::Untouched(cause.unwrap_or(Cause::Failed)))])
            }
            (WindowEvent::Panicked, _) => close(Cause::Panicked),
            (_, stop @ Some(_)) if wish.is_some() && !is_said => {
                (State::Opening { stop }, vec![Action::StopOpening])
            }
            (_, stop) => (State::Opening { stop }, Vec::new()),
        }
    }

    fn open(&self, warned: u64, event: WindowEvent) -> (State, Vec<Action>) {
        match event {
            WindowEvent::Tick(now) if self.is_past(now) => close(Cause::Deadline),
            WindowEvent::Tick(now) => self.tick(warned, now),
            WindowEvent::Signal(signal) if signal.is_typed() && !self.held => {
                (State::Open { warned }, vec![Action::Forward(signal)])
            }
            WindowEvent::Signal(signal) => close(Cause::Signal(signal)),
            WindowEvent::Quit if self.held => close(Cause::Quit),
            WindowEvent::ChildEnded => close(Cause::ChildEnded),
            WindowEvent::Panicked => close(Cause::Panicked),
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

fn closing(cause: Cause, signals: u8, event: WindowEvent) -> (State, Vec<Action>) {
    match event {
        WindowEvent::Closed { proven: true } => (State::Over, vec![Action::Finish(End::Closed(cause))]),
        WindowEvent::Closed { proven: false } | WindowEvent::Panicked => {
            (State::Over, vec![Action::Finish(End::MayBeOpen(cause))])
        }
        WindowEvent::Signal(_) | WindowEvent::Quit if signals == 0 => {
            (State::Closing { cause, signals: 1 }, vec![Action::SayWhatIsLeft])
        }
        WindowEvent::Signal(_) | WindowEvent::Quit => {
            (State::Closing { cause, signals: signals.saturating_add(1) }, vec![Action::GiveUp])
        }
        _ => (State::Closing { cause, signals }, Vec::new()),
    }
}

#[cfg(test)]
mod tests;
