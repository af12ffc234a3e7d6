//! breakglass

#[cfg(feature = "cloud")]
pub mod cloud;
pub mod error;
pub mod gate;
pub mod ledger;
pub mod secret;
pub mod vault;
pub mod window;
