//! The window: a pure state machine that ends in closed, or in open until T1 and said so.

pub mod countdown;
pub mod machine;

pub use countdown::left;
pub use machine::{Action, Cause, End, Machine, WindowEvent};

#[cfg(test)]
mod model;
