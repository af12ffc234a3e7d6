//! A custodian: their part, their enrolment, the opening of their one share. Pure, over a token port.

pub mod attestation;
pub mod enrolment;
pub mod hpke;
pub mod opening;
pub mod part;
pub mod token;
