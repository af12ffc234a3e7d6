//! The rig replaces hardware and an AWS account in the tests.
//!
//! - [`fixture`]: a sealed vault for an account of the emulated AWS.
//!
//! - [`site`]: a machine, and custodians who enrol, seal and open.
//!
//! - [`token`]: virtual YubiKeys with PIN, touch, attestation and faults.
//!
//! - [`pcscd`]: a private smart card daemon with readers for the tokens.
//!
//! - [`pty`]: a person at a terminal.
//!
//! - [`aws`]: an emulated AWS that evaluates policies as AWS does, and boto3 to inspect it.
//!
//! - [`proxy`]: a proxy in front of the emulated AWS that makes one call fail.
//!
//! - [`receiver`], [`mail`]: receivers of alerts.
//!
//! - [`measured`]: the names of the benchmarks.
//!
//! - [`stepping`]: kills a process at a chosen system call.
//!
//! - [`memory`]: searches the memory of a process, while the process runs or when it ends.
//!
//! The rig replaces nothing inside the program. The program uses the rig only through pcscd, a terminal, the network
//! and the kernel.

pub mod aws;
pub mod fixture;
pub mod mail;
pub mod measured;
pub mod memory;
pub mod pcscd;
pub mod proxy;
pub mod pty;
pub mod receiver;
pub mod site;
pub mod stepping;
pub mod token;
