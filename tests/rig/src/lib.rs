//! The rig: what the tests stand on where there is no hardware and no AWS account.
//!
//! - [`night`]: an office that has sealed a vault for an account of that AWS;
//! - [`office`]: all of these together, with custodians who enrol, seal and open;
//! - [`token`]: virtual YubiKeys with PIN, touch, attestation and faults;
//! - [`pcscd`]: a private smart card daemon they are plugged into;
//! - [`pty`]: a person at a terminal;
//! - [`aws`]: an emulated AWS that judges as AWS does, and someone else's client to look at it;
//! - [`proxy`]: a network before that AWS that spoils one call;
//! - [`receiver`], [`mail`]: who is told;
//! - [`stepping`]: a process killed at its every system call;
//! - [`memory`]: what a process still holds, while it lives and at its very end.
//!
//! Nothing here is faked inside the product: it meets the rig through pcscd, a terminal and the kernel.

pub mod aws;
pub mod mail;
pub mod memory;
pub mod night;
pub mod office;
pub mod pcscd;
pub mod proxy;
pub mod pty;
pub mod receiver;
pub mod stepping;
pub mod token;
