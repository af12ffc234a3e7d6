//! breakglass

pub mod cli;
#[cfg(feature = "cloud")]
pub mod cloud;
pub mod custody;
pub mod error;
pub mod gate;
pub mod ledger;
pub mod secret;
pub mod terminal;
pub mod token;
pub mod vault;
pub mod window;
