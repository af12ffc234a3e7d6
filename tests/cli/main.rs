//! The program at AWS: every command of the default build, run as a person runs it, against the rig's tokens and AWS.
//!
//! One binary, since each links the AWS SDK. Its tests run in parallel and share one emulated AWS; each has an account, a
//! smart card daemon and a directory of its own, and none changes the state of this process.

mod access;
mod again;
mod alerts;
mod approvals;
mod child;
mod closing;
mod console;
mod damaged;
mod drift;
mod drills;
mod endpoint;
mod events;
mod exit_status;
mod interrupted;
mod lanes;
mod ledger;
mod quorum;
mod review;
mod screens;
mod shipping;
mod status;
mod window;

use rig::fixture::Fixture;

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");

/// A vault for this account, which alice and bob open together.
fn two_of_two(account: &str) -> Fixture {
    Fixture::new(PROGRAM, account, &["alice", "bob"])
}

/// A vault for this account, which any two of alice, bob and carol open.
fn two_of_three(account: &str) -> Fixture {
    Fixture::new(PROGRAM, account, &["alice", "bob", "carol"])
}
