//! The ceremony and all that needs no network: enrolling, sealing, the vault's format, attestation, and the pure parts
//! of the review. All of it also runs on the offline build: `--no-default-features --features offline`.

mod approved;
mod attestation;
mod builds;
mod ceremony;
mod documentation;
mod enrolment;
mod gate_policies;
mod hardening;
mod openssl;
mod packet;
mod review_packet;
#[cfg(feature = "cloud")]
mod review_page;
mod sealing;
mod soft;
mod tamper;
mod upkeep;
mod vectors;

#[cfg(feature = "cloud")]
const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");
#[cfg(not(feature = "cloud"))]
const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass-offline");
