//! The window: a pure state machine that ends with access closed, or reported as possibly open until T1.
//!
//! `model` is for tests only.

pub mod countdown;
pub mod machine;

pub use countdown::left;
pub use machine::{Action, Cause, End, Machine, WindowEvent};

#[cfg(test)]
mod model;
