//! The commands that need AWS, and what they share.

pub mod close;
pub mod drill;
pub mod inject;
pub mod open;
mod opening;
mod quorum;
pub mod shipping;
mod sibling_vault;
pub mod status;
mod target;
