//! The state machine of a window: a pure function `(state, event) → (state, actions)`. The state machine reads no
//! clock; the event *tick* contains the current time. After the machine was suspended, the state machine gets one late
//! tick.
//!
//! ```text
//!                 opened                a cause
//!   ┌─────────┐ ──────────▶ ┌──────┐ ───────────▶ ┌─────────┐  proven         ┌───────────────────┐
//!   │ Opening │             │ Open │              │ Closing │ ──────────────▶ │ Over: closed      │
//!   └─────────┘             └──────┘              └─────────┘                 └───────────────────┘
//!      │    │                                       ▲      │  not proven,     ┌───────────────────┐
//!      │    └───────────────────────────────────────┘      │  or a panic      │ Over: may be open │
//!      │      failed after a write, or asked to stop;      └────────────────▶ └───────────────────┘
//!      │      a panic
//!      │      failed before any write                                         ┌───────────────────┐
//!      └────────────────────────────────────────────────────────────────────▶ │ Over: untouched   │
//!                                                                             └───────────────────┘
//! ```
//!
//! The three states *Over* are the variants of [`End`]. The causes for the end of a window are the variants of
//! [`Cause`]. If several causes occur, only the first cause counts.

use std::time::Duration;

use crate::boot_clock::Instant;
use crate::gate::Lost;
use crate::signal::Signal;

/// The program warns the operator when this many minutes are left before T1.
const WARNINGS: [u64; 3] = [10, 5, 1];

/// An event that can change the state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WindowEvent {
    /// The deadline is known. The deadline is T1, converted to the boot-time clock.
    EndSet(Instant),
    /// The window is open: the probe has shown that AWS accepts the credentials.
    Opened,
    /// The opening sequence ended without opening the window.
    NotOpened {
        /// Whether the opening sequence sent a write, so that access must be closed.
        touched: bool,
    },
    /// The current time. The driver (`session/driver/`) sends a tick approximately once per second.
    Tick(Instant),
    /// The process received a signal.
    Signal(Signal),
    /// The operator pressed `q` in a held window.
    Quit,
    /// The child process ended, or could not be started.
    ChildEnded,
    /// Another process closed or replaced the window.
    Lost(Lost),
    /// A part of the program panicked.
    Panicked,
    /// The closing sequence ended.
    Closed {
        /// Whether access is proven closed.
        proven: bool,
    },
}

/// An action that the driver (`session/driver/`) performs. After each event, the driver performs the returned actions
/// in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask the opening sequence to stop before its next write.
    StopOpening,
    /// Start the child process, or show that the window is held open.
    Begin,
    /// Show the time left until the deadline.
    Show(Duration),
    /// Warn that this many minutes are left.
    Warn(u64),
    /// Send a signal to the child process.
    Forward(Signal),
    /// End the child process at once, without waiting for an answer from AWS.
    EndChild,
    /// Start the closing sequence.
    Close,
    /// Print the remaining steps of the close, because a signal came during the close.
    SayWhatIsLeft,
    /// Stop waiting for the proof that access is closed, because another signal came during the close.
    GiveUp,
    /// Stop the event loop and report how the window ended.
    Finish(End),
}

/// The reason why a window ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// T1 was reached.
    Deadline,
    /// The process received a signal.
    Signal(Signal),
    /// The child process ended.
    ChildEnded,
    /// The operator pressed `q`.
    Quit,
    /// Another process closed or replaced the window.
    Lost(Lost),
    /// The opening sequence failed.
    Failed,
    /// A part of the program panicked.
    Panicked,
    /// The operator ran the command `close`. The process of `close` did not open a window.
    Asked,
}

/// The result of a window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Nothing was written to IAM, so nothing had to be closed.
    Untouched(Cause),
    /// Access is proven closed.
    Closed(Cause),
    /// Access might be open until T1.
    MayBeOpen(Cause),
}

impl End {
    /// Returns the reason why the window ended.
    pub fn cause(self) -> Cause {
        match self {
            Self::Untouched(cause) | Self::Closed(cause) | Self::MayBeOpen(cause) => cause,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// `stop` is the reason why the opening sequence must stop, or `None` if the sequence can continue.
    Opening {
        stop: Option<Cause>,
    },
    Open {
        warned: Warned,
    },
    /// `signals` is the number of signals since the close began.
    Closing {
        cause: Cause,
        signals: u8,
    },
    Over,
}

/// Which warnings of [`WARNINGS`] the operator has seen. If the window is too short for a warning, the warning counts
/// as seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Warned {
    /// No tick has come since the window opened.
    NotYet,
    /// At least one tick has come, and no warning is due yet.
    Started,
    /// The operator has seen the warning that this many minutes are left, and all earlier warnings.
    At(u64),
}

impl Warned {
    fn covers(self, minutes: u64) -> bool {
        matches!(self, Self::At(at) if at <= minutes)
    }
}

/// The window's state machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    state: State,
    deadline: Option<Instant>,
    /// Whether the window is held open without a child process, so that the program reads the keyboard.
    held: bool,
    /// Whether [`Action::EndChild`] has been returned. The state machine returns [`Action::EndChild`] only once.
    is_over_time: bool,
}

impl Machine {
    /// Returns a state machine in the state *Opening*. `held` is true if no child process runs in the window.
    pub fn new(held: bool) -> Self {
        Self { state: State::Opening { stop: None }, deadline: None, held, is_over_time: false }
    }

    /// Returns a state machine in the state *Closing*, and the first actions.
    pub fn closing(cause: Cause) -> (Self, Vec<Action>) {
        let (state, actions) = close(cause);
        (Self { state, deadline: None, held: true, is_over_time: false }, actions)
    }

    /// Handles an event. Returns the state machine after the event, and the actions to perform.
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

    /// Reports whether `event` is the first tick at or after the deadline.
    fn passes(&self, event: WindowEvent) -> bool {
        !self.is_over_time && matches!(event, WindowEvent::Tick(now) if self.is_past(now))
    }

    /// Reports whether the state is *Over*. In the state *Over*, all events are ignored.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn opening(&self, stop: Option<Cause>, event: WindowEvent) -> (State, Vec<Action>) {
        let wanted_by = match event {
            WindowEvent::Signal(signal) => Some(Cause::Signal(signal)),
            WindowEvent::Quit => Some(Cause::Quit),
            WindowEvent::Tick(now) if self.is_past(now) => Some(Cause::Deadline),
            _ => None,
        };
        // The state machine asks the opening sequence only once to stop, so later ticks after the deadline are ignored.
        let is_repeated = stop.is_some() && matches!(event, WindowEvent::Tick(_));
        match (event, stop.or(wanted_by)) {
            (WindowEvent::Opened, None) => (State::Open { warned: Warned::NotYet }, vec![Action::Begin]),
            (WindowEvent::Opened, Some(cause)) => close(cause),
            (WindowEvent::NotOpened { touched: true }, cause) => close(cause.unwrap_or(Cause::Failed)),
            (WindowEvent::NotOpened { touched: false }, cause) => {
                (State::Over, vec![Action::Finish(End::Untouched(cause.unwrap_or(Cause::Failed)))])
            }
            (WindowEvent::Panicked, _) => close(Cause::Panicked),
            (_, stop @ Some(_)) if wanted_by.is_some() && !is_repeated => {
                (State::Opening { stop }, vec![Action::StopOpening])
            }
            (_, stop) => (State::Opening { stop }, Vec::new()),
        }
    }

    fn open(&self, warned: Warned, event: WindowEvent) -> (State, Vec<Action>) {
        match event {
            WindowEvent::Tick(now) if self.is_past(now) => close(Cause::Deadline),
            WindowEvent::Tick(now) => self.tick(warned, now),
            WindowEvent::Signal(signal) if signal.is_typed() && !self.held => {
                (State::Open { warned }, vec![Action::Forward(signal)])
            }
            WindowEvent::Signal(signal) => close(Cause::Signal(signal)),
            WindowEvent::Quit if self.held => close(Cause::Quit),
            WindowEvent::ChildEnded => close(Cause::ChildEnded),
            WindowEvent::Lost(lost) => close(Cause::Lost(lost)),
            WindowEvent::Panicked => close(Cause::Panicked),
            _ => (State::Open { warned }, Vec::new()),
        }
    }

    /// Shows the time left, and gives the warning that is due. The first tick only gives a warning that became due
    /// within the last second. For example, a window of four minutes has no warning that ten or five minutes are left.
    fn tick(&self, warned: Warned, now: Instant) -> (State, Vec<Action>) {
        let Some(deadline) = self.deadline else {
            return (State::Open { warned }, Vec::new());
        };
        let left = deadline.since(now);
        let mut actions = vec![Action::Show(left)];
        let due = WARNINGS.into_iter().rev().find(|minutes| left <= Duration::from_secs(minutes * 60));
        let warned = match due {
            Some(minutes) if !warned.covers(minutes) => {
                if warned != Warned::NotYet || left.as_secs() + 1 >= minutes * 60 {
                    actions.push(Action::Warn(minutes));
                }
                Warned::At(minutes)
            }
            None if warned == Warned::NotYet => Warned::Started,
            _ => warned,
        };
        (State::Open { warned }, actions)
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
