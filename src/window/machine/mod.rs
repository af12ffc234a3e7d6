//! The states of a window: `(state, event) → (state, actions)`. Time is an event, so a suspended machine sees one
//! late tick.
//!
//! ```text
//!                 opened                a cause
//!   ┌─────────┐ ──────────▶ ┌──────┐ ───────────▶ ┌─────────┐  proven         ┌───────────────────┐
//!   │ Opening │             │ Open │              │ Closing │ ──────────────▶ │ Over: closed      │
//!   └─────────┘             └──────┘              └─────────┘                 └───────────────────┘
//!      │    │                                       ▲      │  not proven,     ┌───────────────────┐
//!      │    └───────────────────────────────────────┘      │  or a panic      │ Over: may be open │
//!      │      failed after a write, or was to stop;        └────────────────▶ └───────────────────┘
//!      │      a panic
//!      │      failed before any write                                         ┌───────────────────┐
//!      └────────────────────────────────────────────────────────────────────▶ │ Over: untouched   │
//!                                                                             └───────────────────┘
//! ```
//!
//! The three ends are the variants of [`End`]; the causes are those of [`Cause`]. The first cause counts.

use std::time::Duration;

use crate::boot_clock::Instant;
use crate::signal::Signal;

/// Minutes before T1 at which the operator is warned.
const WARNINGS: [u64; 3] = [10, 5, 1];

/// An event that can change the state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WindowEvent {
    /// T0 is known, and with it the deadline (T1 by the boot-time clock).
    EndSet(Instant),
    /// The window is open: AWS accepts the probe.
    Opened,
    /// The opening ended without an open window.
    NotOpened {
        /// Whether a write was sent, so that access has to be closed.
        touched: bool,
    },
    /// The time, about once a second.
    Tick(Instant),
    /// A signal to this process.
    Signal(Signal),
    /// The operator pressed `q` in a held window.
    Quit,
    /// The child ended, or did not start.
    ChildEnded,
    /// Code of this program panicked.
    Panicked,
    /// The closing sequence ended.
    Closed {
        /// Access is proven closed.
        proven: bool,
    },
}

/// An action for the driver. After an event, the driver performs the actions in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Ask the opening to stop before its next write.
    StopOpening,
    /// Start the child, or show that the window is held.
    Begin,
    /// Show the time left until the deadline.
    Show(Duration),
    /// Warn that this many minutes are left.
    Warn(u64),
    /// Pass a signal to the child.
    Forward(Signal),
    /// End the child at once, whatever AWS does meanwhile.
    EndChild,
    /// Start the closing sequence.
    Close,
    /// Print the remaining steps: the first signal came while closing.
    SayWhatIsLeft,
    /// Stop waiting for the proof that access is closed: another signal came.
    GiveUp,
    /// Stop the loop and report the end.
    Finish(End),
}

/// Why a window ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// T1 was reached.
    Deadline,
    /// A signal to this process.
    Signal(Signal),
    /// The child ended.
    ChildEnded,
    /// The operator pressed `q`.
    Quit,
    /// The opening failed.
    Failed,
    /// Code of this program panicked.
    Panicked,
    /// The command `close` was run; this process opened no window.
    Asked,
}

/// How a window ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Nothing was written to IAM, so nothing had to be closed.
    Untouched(Cause),
    /// Access is proven closed.
    Closed(Cause),
    /// Access may be open until T1.
    MayBeOpen(Cause),
}

impl End {
    /// Returns why the window ended.
    pub fn cause(self) -> Cause {
        match self {
            Self::Untouched(cause) | Self::Closed(cause) | Self::MayBeOpen(cause) => cause,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// `stop`: why the opening was asked to stop.
    Opening {
        stop: Option<Cause>,
    },
    Open {
        warned: Warned,
    },
    /// `signals`: how many came since the close began.
    Closing {
        cause: Cause,
        signals: u8,
    },
    Over,
}

/// Which of [`WARNINGS`] the operator has seen. A warning counts as seen if the window was too short for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Warned {
    /// No tick has come yet.
    NotYet,
    /// The first tick came before the earliest warning.
    Started,
    /// The operator has seen the warning at this many minutes, and all before it.
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
    /// Whether the window is held: no child runs, and this process reads the keyboard.
    held: bool,
    /// Whether [`Action::EndChild`] was returned; it is returned only once.
    is_over_time: bool,
}

impl Machine {
    /// Returns the machine in *Opening*. `held`: no child runs in the window.
    pub fn new(held: bool) -> Self {
        Self { state: State::Opening { stop: None }, deadline: None, held, is_over_time: false }
    }

    /// Returns the machine in *Closing*, and its first action.
    pub fn closing(cause: Cause) -> (Self, Vec<Action>) {
        let (state, actions) = close(cause);
        (Self { state, deadline: None, held: true, is_over_time: false }, actions)
    }

    /// Returns the state after `event`, and the actions to perform.
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

    /// Whether `event` is the first tick at or after the deadline.
    fn passes(&self, event: WindowEvent) -> bool {
        !self.is_over_time && matches!(event, WindowEvent::Tick(now) if self.is_past(now))
    }

    /// Whether the machine has ended; it ignores further events.
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
        // Every tick after the deadline would ask again, but the opening is asked to stop only once.
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
            WindowEvent::Panicked => close(Cause::Panicked),
            _ => (State::Open { warned }, Vec::new()),
        }
    }

    /// The first tick warns only if a warning is due in that second: a window of four minutes does not warn of ten.
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
