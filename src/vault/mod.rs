//! The vault: an age file that a quorum of custodians can open. This code does no I/O.

pub mod canonical;
pub mod ceremony;
pub mod challenge;
pub mod dsse;
pub mod duration;
pub mod file;
pub mod firmware;
pub mod grant;
pub mod hpke;
pub mod hybrid;
pub mod json;
pub mod manifest;
pub mod names;
pub mod payload;
pub mod quorum;
pub mod random;
pub mod share;
pub mod target;
pub mod words;
pub mod x25519;
pub mod xwing;
