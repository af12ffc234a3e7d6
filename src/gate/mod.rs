//! The gate on an IAM user: its policy, the states of the user from which it can be opened, and the sequences that
//! open and close it.
//!
//! Pure, over the small ports in [`iam`] and [`host`]: no I/O, no clock. `fake` is for tests only.
#![allow(async_fn_in_trait, reason = "the futures stay on one thread, so they need not be `Send`")]

pub mod close;
pub mod fault;
pub mod grant;
pub mod host;
pub mod iam;
mod join;
pub mod observed;
pub mod open;
pub mod policy;
mod progress;
mod proof;
pub mod role;
mod session;
pub mod snapshot;
mod window;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use progress::{OpenProgress, Pending};
pub use session::SessionId;
pub use window::Window;
