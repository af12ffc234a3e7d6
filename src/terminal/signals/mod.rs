//! The signals that end a command, caught in two ways that are never in use at the same time:
//!
//! - `prompt`, by `signal-hook`, while people are asked: nothing is enabled yet, waits are system calls on the tty, and
//!   the last signal is kept until the wait looks at it.
//! - `session`, by tokio, from the first call to AWS until access is closed: the loop gets each signal as an event.
//!   A signal that came between the two is handed over with [`pending`].

mod prompt;
#[cfg(feature = "cloud")]
mod session;

pub use prompt::pending;
pub(super) use prompt::{catch, continued, pipe};
#[cfg(feature = "cloud")]
pub(crate) use session::{Received, SessionSignals};
