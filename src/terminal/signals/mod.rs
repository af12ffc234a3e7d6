//! Catches the signals that end a command. The two modules `prompt` and `session` are never used at the same time:
//!
//! - `prompt` catches signals with `signal-hook` while the program prompts people, before anything is enabled. `prompt`
//!   keeps the last signal until the next prompt waits for an answer.
//!
//! - `session` catches signals with tokio, from the first call to AWS until access is closed. The session's loop gets
//!   each signal as an event. If a signal arrived before `session` was ready, the session gets it from [`pending`].

mod prompt;
#[cfg(feature = "cloud")]
mod session;

pub use prompt::pending;
pub(super) use prompt::{catch, continued, pipe};
#[cfg(feature = "cloud")]
pub(crate) use session::{Received, SessionSignals};
