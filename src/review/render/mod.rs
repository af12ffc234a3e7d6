//! Renders the packet as a page, and as a summary for the terminal.

pub(super) mod page;
pub(super) mod text;
