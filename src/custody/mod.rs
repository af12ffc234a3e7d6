//! A custodian's part, enrolment and approvals, and the opening of the custodian's share. Pure; a token is used
//! through a trait.

pub mod attestation;
pub mod enrolment;
pub mod opening;
pub mod part;
pub mod statement;
pub mod token;
