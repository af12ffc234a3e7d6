//! A custodian: their part, their enrolment, the opening of their one share. Pure, over a token port.

pub mod approval;
pub mod attestation;
pub mod drill;
pub mod enrolment;
pub mod hpke;
pub mod opening;
pub mod part;
pub mod statement;
pub mod token;
