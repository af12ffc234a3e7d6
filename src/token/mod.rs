//! YubiKeys over PC/SC: finding them, using their PIV keys, enrolling them.

pub mod enrol;
pub mod piv;
pub mod readers;
