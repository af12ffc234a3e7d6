//! Renders the review packet as an HTML page, and as a summary for the terminal.

pub(super) mod page;
pub(super) mod text;
