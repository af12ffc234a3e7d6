//! `breakglass`: emergency AWS access that needs several people to open and that AWS closes on time.
//!
//! The library has no stable API: any version can change any item. The library exists for the two programs
//! (`breakglass` and `breakglass-offline`) and for the tests.
//!
//! # The map
//!
//! The table lists the modules. A module imports only from modules below it in the table. docs/architecture.md
//! describes each file.
//!
//! | module | contents | kind |
//! | --- | --- | --- |
//! | [`cli`] | one file or folder for each command; `cli::cloud` has the commands that need AWS | user interface |
//! | `session` | the opening, the event loop and the closing of a window; the command that runs during the window | application, feature `cloud` |
//! | `aws` | AWS clients; AWS's clock; the implementation of the traits of [`gate`]; CloudTrail; the copy of the ledger in S3; console sign-in | adapter, feature `cloud` |
//! | `alert` | alert channels and their acknowledgements | adapter, feature `cloud` |
//! | [`review`] | the review of one session: facts, judgement, rendering | pure |
//! | [`events`] | the events that `--json` prints | output |
//! | [`ledger`] | the append-only, hash-chained record of every session; verification and merging of ledgers | files |
//! | [`token`] | YubiKeys over PC/SC | adapter of [`custody::token::Token`] |
//! | [`terminal`] | prompts, printing, terminal modes, signals | adapter |
//! | [`custody`] | the actions of a custodian: enrolment, attestation, approval, unwrapping a share | pure |
//! | [`window`] | the state machine of a window | pure |
//! | [`gate`] | the emergency user in IAM: grants, policies, the observed state, opening and closing | pure, calls IAM through traits |
//! | [`config`] | the configuration file | files |
//! | [`vault`] | the vault, an age file: manifest, shares, quorum, payload; types for names and durations | pure |
//! | [`secret`] | secrets in locked pages; process hardening; the only `unsafe` code | system |
//!
//! Every module can use [`error`], [`signal`], [`boot_clock`] and [`time_text`], which are below all modules in the
//! table. *Pure* code does no I/O, reads no clock, and builds without the feature `cloud`.
//!
//! # How a window is opened and closed
//!
//! 1. `cli::cloud::open` reads the vault ([`vault::file::Vault::parse`]) and refuses a request
//!    that cannot succeed.
//! 2. `cli::cloud::quorum` asks custodians until the quorum is complete. Each custodian's token signs the approval
//!    ([`custody::statement::approval`]). After that, the token unwraps one half of the custodian's share, and the
//!    custodian's words unwrap the other half ([`custody::opening`]).
//! 3. A value of the type [`custody::statement::approval::Approved`] exists only if a quorum signed the request.
//!    [`vault::file::Vault::open`] rebuilds the file key.
//! 4. `session::open` gives the credentials to [`gate::open::open`] (lane `gate`: a policy on an IAM user) or to
//!    [`gate::role::assume`] (lane `static`: a role). Alerts are sent first. Then, in the lane `gate`, the policy is
//!    written and the user is enabled.
//! 5. [`window`] decides when the window ends. [`gate::close::close`] closes access and proves that access is closed.
//! 6. [`ledger`] records each step. [`review`] writes the review of the session from these records.

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
mod placeholder;
pub mod review;
pub mod secret;
#[cfg(feature = "cloud")]
mod session;
mod shell;
pub mod signal;
pub mod terminal;
pub mod time_text;
pub mod token;
pub mod vault;
pub mod window;
