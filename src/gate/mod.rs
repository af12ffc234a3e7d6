//! Opens and closes the access of an IAM user: the gate policy, the observed state of the user, the opening sequence
//! and the closing sequence.
//!
//! The module `gate` does no I/O and reads no clock. It calls AWS and the application through the small traits in
//! [`iam`] and [`host`]. The module `fake` is for tests only.
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
mod standing;
mod window;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use progress::{OpenProgress, Pending};
pub use session::SessionId;
pub use standing::{Lost, until_lost};
pub use window::Window;
