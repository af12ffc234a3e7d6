//! The terminal: prompts on the tty, results on stdout, everything else on stderr.

#[cfg(feature = "cloud")]
pub(crate) mod foreground;
#[cfg(feature = "cloud")]
pub(crate) mod keyboard;
mod keys;
mod modes;
pub mod print;
mod screen;
pub mod signals;
mod tty;
mod wrap;

pub use keys::{NoAnswer, Waker};
pub use print::{note, warning};
pub use screen::{countable, listed, sheet};
pub use tty::{Reply, Terminal};
