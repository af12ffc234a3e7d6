//! The work in a window: a command, a shell, the console, or nothing.

pub(crate) mod child;
pub(crate) mod console;
pub(crate) mod endpoint;
mod http_head;
mod redirect;
mod shell_prompt;

pub(crate) use child::Work;
