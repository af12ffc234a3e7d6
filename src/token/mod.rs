//! Finds YubiKeys over PC/SC, uses their PIV keys, and enrols them.

pub mod enrol;
pub mod piv;
pub mod readers;
