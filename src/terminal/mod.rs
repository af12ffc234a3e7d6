//! The person at the terminal. What goes to the tty is a prompt and is erased; all else goes to stderr.

#[cfg(feature = "cloud")]
pub(crate) mod foreground;
#[cfg(feature = "cloud")]
pub(crate) mod keyboard;
pub mod print;
mod screen;
pub mod signals;
mod tty;
#[cfg(feature = "cloud")]
pub(crate) mod window_signals;
mod wrap;

pub use print::{note, warning};
pub use screen::{countable, listed, sheet};
pub use tty::{Stop, Terminal, Typed, Waker};
