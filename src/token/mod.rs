//! YubiKeys over PC/SC: which are plugged in, what one can do, how one is enrolled.

pub mod enrol;
pub mod piv;
pub mod readers;
