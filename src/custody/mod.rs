//! A custodian's part, enrolment and statements, and the opening of the custodian's share. This code does no I/O, and
//! it uses a token only through the trait [`token::Token`].

pub mod attestation;
pub mod enrolment;
pub mod opening;
pub mod part;
pub mod statement;
pub mod token;
