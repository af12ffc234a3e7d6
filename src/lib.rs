//! breakglass

pub mod cli;
pub mod custody;
pub mod error;
pub mod secret;
pub mod terminal;
pub mod token;
pub mod vault;
