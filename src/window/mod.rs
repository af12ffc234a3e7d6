//! The window: a pure state machine that ends in closed, or in open until T1 and said so.

pub mod clock;
pub mod machine;

pub use clock::{Instant, countdown, left};
pub use machine::{Action, Cause, End, Event, Machine};

#[cfg(test)]
mod model;
