//! The packet for people: a page, and a summary for the terminal.

pub(super) mod page;
pub(super) mod text;
