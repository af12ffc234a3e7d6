//! The person at the terminal. What goes to the tty is a prompt and is erased; all else goes to stderr.

mod screen;
pub mod signals;
mod tty;

pub use screen::{countable, listed, note, sheet};
pub use tty::{Stop, Terminal, Typed, Waker};
