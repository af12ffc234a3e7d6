//! All tests that need no network: enrolment, sealing, the vault format, attestation, and the parts of the review that
//! do not call AWS. These tests also run with the offline build: `--no-default-features --features offline`.

mod approved;
mod attestation;
mod builds;
mod ceremony;
mod documentation;
mod drill_papers;
mod enrolment;
mod example;
mod fresh;
mod gate_policies;
mod grammar;
mod hardening;
mod hybrid;
mod imports;
mod openssl;
mod packet;
mod placeholders;
mod readiness;
mod recover;
mod requirements;
mod review_calls;
mod review_packet;
#[cfg(feature = "cloud")]
mod review_page;
mod review_totals;
mod sealing;
mod size;
mod soft;
mod statements;
mod tamper;
mod uses;
mod vectors;

#[cfg(feature = "cloud")]
const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");
#[cfg(not(feature = "cloud"))]
const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass-offline");
