//! `breakglass`: emergency AWS credentials that take a quorum of hardware tokens to open, and that AWS shuts.
//!
//! The library has no stable API: it exists for the program and for its tests, and any version may change all of it.
//!
//! # The map of the house
//!
//! | room | what is there | kind |
//! | --- | --- | --- |
//! | [`cli`] | one file per command: arguments in, a call, words out | the only caller of all others |
//! | [`terminal`] | prompts on the tty, results on stdout, notes on stderr, signals | adapter, for all of the others |
//! | [`token`] | YubiKeys over PC/SC | adapter behind [`custody::token::Token`] |
//! | `session` | open, close and status of a window, the loop around it, the work inside it | the application, feature `cloud` |
//! | `aws` | clients, clock, CloudTrail, the ledger's copy, console sign-in | adapter behind [`gate::iam`], feature `cloud` |
//! | `alert` | telling people before and after: channels, and what each acknowledged | adapter, feature `cloud` |
//! | [`window`] | from open to closed: the state machine and its clock | pure |
//! | [`gate`] | what enabling and disabling an IAM user means: grant, policy, rest state, open, close | pure |
//! | [`review`] | what ledger, signatures, receivers and CloudTrail say of one session: a page, and the same as JSON | pure |
//! | [`ledger`] | the record of every use: append-only, hash-chained, fsynced; verified, merged | files |
//! | [`custody`] | a custodian: part, enrolment, attestation, the opening of one share | pure |
//! | [`vault`] | the age file: manifest, shares, quorum, payload; names and numbers | pure |
//! | [`secret`] | locked pages, hardening: the only `unsafe` | system |
//! | [`config`] | what this machine adds: channels, other ledgers, where the ledger is copied to | files |
//! | [`events`] | events for machines, on stdout | adapter, for all of the above |
//! | [`boot_clock`] | the boot-time clock, which suspending does not stop | reads a clock |
//! | [`error`], [`signal`] | what happened, what to do, the exit status | pure |
//!
//! Data flows one way: `cli` → `session` → `aws`, `terminal`, `token` → `alert`, `review`, `events` → `window`, `gate`, `custody`,
//! `ledger`, `config` → `vault` → `secret`. What is pure does no I/O and reads no clock.
//!
//! # One opening, line by line
//!
//! `cli::cloud::open` reads the file ([`vault::file::Vault::parse`]), `opening` refuses what cannot be, `quorum` asks
//! custodians until the quorum is full: each token signs ([`custody::approval`]), then gives its share
//! ([`custody::opening`] makes it of words, PIN and touch). [`custody::approval::Approved`] holds that a quorum signed,
//! [`vault::file::Vault::open`] rebuilds the file key, `session::open` hands the credentials to [`gate::open::open`] (in the
//! lane static to [`gate::role::assume`]), which has people told first (`alert`), and drives the window ([`window`]) until
//! [`gate::close::close`] has proven that it is shut. [`ledger`] has it all, and [`review`] makes a page of it.

#[cfg(feature = "cloud")]
pub mod alert;
#[cfg(feature = "cloud")]
mod aws;
pub mod boot_clock;
pub mod cli;
pub mod config;
pub mod custody;
pub mod error;
pub mod events;
pub mod gate;
pub mod ledger;
pub mod review;
pub mod secret;
#[cfg(feature = "cloud")]
mod session;
pub mod signal;
pub mod terminal;
pub mod token;
pub mod vault;
pub mod window;
