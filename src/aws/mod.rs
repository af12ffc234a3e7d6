//! AWS: clients behind the gate's ports, its clock, CloudTrail, the ledger's copy, console sign-in.

pub(crate) mod clients;
pub(crate) mod clock;
pub(crate) mod cloudtrail;
pub(crate) mod emergency;
mod error;
pub(crate) mod fault_injection;
mod iam_user;
pub(crate) mod preload;
pub(crate) mod principals;
pub(crate) mod profile;
pub(crate) mod ship;
pub(crate) mod signin;
mod totp;

pub use cloudtrail::look_up;
pub use fault_injection::{Failures, Injection};
pub use preload::Warm;
pub use ship::{Shipper, ship_now, shipped};
