//! What runs during a window: a command, a shell, a console session, or nothing.

pub(crate) mod child;
pub(crate) mod console;
pub(crate) mod endpoint;
mod http_head;
mod redirect;
mod shell_prompt;

pub(crate) use child::{CommandEnd, Work};
