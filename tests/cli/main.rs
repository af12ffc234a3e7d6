//! End-to-end tests of every command of the full build, with the rig's virtual tokens and emulated AWS.
//!
//! All tests are in one binary, because linking the AWS SDK takes a long time. The tests run in parallel and share one
//! emulated AWS. Each test has a separate account, smart card daemon and directory. No test changes the state of the
//! test process.

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
mod earlier_uses;
mod endpoint;
mod events;
mod exit_status;
mod interrupted;
mod lanes;
mod ledger;
mod proof;
mod quorum;
mod releases;
mod review;
mod review_again;
mod screens;
mod shipping;
mod status;
mod two_machines;
mod window;

use rig::fixture::Fixture;

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");

/// Prepares a vault for this account. The custodians are alice and bob, and both are needed to open the vault.
fn two_of_two(account: &str) -> Fixture {
    Fixture::new(PROGRAM, account, &["alice", "bob"])
}

/// Prepares a vault for this account. The custodians are alice, bob and carol, and any two of them can open the vault.
fn two_of_three(account: &str) -> Fixture {
    Fixture::new(PROGRAM, account, &["alice", "bob", "carol"])
}
