//! A custodian: part, enrolment, approvals, and the opening of their share. Pure; uses a token through a trait.

pub mod approval;
pub mod attestation;
pub mod drill;
pub mod enrolment;
pub mod opening;
pub mod part;
pub mod statement;
pub mod token;
