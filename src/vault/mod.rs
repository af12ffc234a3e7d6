//! The vault: one age file that a quorum opens. Pure.

pub mod payload;
