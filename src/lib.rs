//! `breakglass`: emergency AWS access that needs several people to open and that AWS closes on time.
//!
//! The library has no stable API. It exists for the two programs and for the tests, and any version may change all of it.
//!
//! # The map
//!
//! From top to bottom; a module imports only from modules below it. docs/architecture.md lists the responsibility of each file.
//!
//! | module | contents | kind |
//! | --- | --- | --- |
//! | [`cli`] | one file or folder for each command; `cli::cloud` has those that need AWS | arguments in, a call, words out |
//! | `session` | open, close and status of a window, its loop, the program in it | the application, feature `cloud` |
//! | `aws` | clients, AWS's clock, the ports of [`gate`], CloudTrail, the ledger's copy, console sign-in | adapter, feature `cloud` |
//! | `alert` | alert channels, and what each acknowledged | adapter, feature `cloud` |
//! | [`review`] | the review of one session: facts, judgement, rendering | pure |
//! | [`events`] | what `--json` prints | output |
//! | [`ledger`] | the record of every use: append-only, hash-chained, fsynced; verified, merged | files |
//! | [`token`] | YubiKeys over PC/SC | adapter of [`custody::token::Token`] |
//! | [`terminal`] | prompts, printing, terminal modes, signals | adapter |
//! | [`custody`] | a custodian: part, enrolment, attestation, approvals, the opening of one share | pure |
//! | [`window`] | the state machine of a window | pure |
//! | [`gate`] | the emergency user in IAM: grants, policies, the observed state, opening and closing | pure, over small ports |
//! | [`config`] | the configuration file | files |
//! | [`vault`] | the age file: manifest, shares, quorum, payload; names, durations | pure |
//! | [`secret`] | locked pages, hardening; the only `unsafe` | system |
//!
//! Any module may use [`error`], [`signal`], [`boot_clock`] and [`time_text`]. Pure code does no I/O, reads no clock, and builds
//! without the feature `cloud`.
//!
//! # One opening
//!
//! 1. `cli::cloud::open` reads the file ([`vault::file::Vault::parse`]) and refuses what cannot work.
//! 2. `cli::cloud::quorum` asks custodians until the quorum is complete. Each token signs the approval ([`custody::approval`]) and
//!    then gives its half of a share; the words give the other half ([`custody::opening`]).
//! 3. [`custody::approval::Approved`] proves that a quorum signed this request. [`vault::file::Vault::open`] rebuilds the file key.
//! 4. `session::open` hands the credentials to [`gate::open::open`], or to [`gate::role::assume`] in the lane static. Receivers
//!    are alerted first; then the gate is written and the user enabled.
//! 5. [`window`] decides when the window ends, and [`gate::close::close`] closes it and proves that it is closed.
//! 6. [`ledger`] has a record of each step, from which [`review`] makes the review.

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
pub mod time_text;
pub mod token;
pub mod vault;
pub mod window;
