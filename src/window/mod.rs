//! A window as a pure state machine. At the end of the state machine, access is closed, or the program reports that
//! access might be open until T1.
//!
//! The module `model` is for tests only.

pub mod countdown;
pub mod machine;

pub use countdown::left;
pub use machine::{Action, Cause, End, Machine, WindowEvent};

#[cfg(test)]
mod model;
