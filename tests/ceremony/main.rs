//! The ceremony and all that needs no network: enrolling, sealing, the vault's format, attestation, and the pure parts
//! of the review. All of it also runs without the feature `cloud`.

mod approved;
mod attestation;
mod ceremony;
mod enrolment;
mod gate_policies;
mod hardening;
mod packet;
mod review_packet;
#[cfg(feature = "cloud")]
mod review_page;
mod sealing;
mod soft;
mod tamper;
mod upkeep;
mod vectors;

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");
