//! What a window is for: a command, a shell, the console, or nothing.

pub(crate) mod child;
pub(crate) mod console;
pub(crate) mod endpoint;
mod redirect;
mod shell_prompt;

pub use child::Work;
