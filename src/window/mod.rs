//! The window is a pure state machine. When the state machine has ended, access is closed, or access is reported as
//! possibly open until T1.
//!
//! The module `model` is for tests only.

pub mod countdown;
pub mod machine;

pub use countdown::left;
pub use machine::{Action, Cause, End, Machine, WindowEvent};

#[cfg(test)]
mod model;
