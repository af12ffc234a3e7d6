//! The adapter to AWS. This module implements the traits of the module `gate`, AWS's clock, CloudTrail lookups, the
//! copy of the ledger in S3 and the sign-in to the console.

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

pub(crate) use cloudtrail::look_up;
pub(crate) use fault_injection::{InjectedFaults, Injection};
pub(crate) use preload::Preload;
pub(crate) use ship::{CopyReader, READ_TIMEOUT, ReadCopy, Shipper, ship_now, shipped};
