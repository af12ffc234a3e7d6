//! The gate on an IAM user: what it says, when it may be opened, and the order in which it opens and closes.
//!
//! Pure, over the small port in [`iam`]: no I/O, no clock.

pub mod close;
pub mod grant;
pub mod iam;
pub mod open;
mod pattern;
pub mod policy;
pub mod rest;
pub mod role;
mod session;
pub mod snapshot;
mod together;
mod trail;

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

pub use session::SessionId;
pub use trail::{Pending, Trail};
