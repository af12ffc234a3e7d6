//! Handles a custodian's part, enrolment and signed statements, and opens the custodian's share. This code does no I/O.
//! This code uses a token only through the trait [`token::Token`].

pub mod attestation;
pub mod enrolment;
pub mod opening;
pub mod part;
pub mod statement;
pub mod token;
