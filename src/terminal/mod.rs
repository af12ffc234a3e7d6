//! Input and output. Prompts go to the controlling terminal, results to stdout, and everything else to stderr.

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
