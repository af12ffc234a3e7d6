//! breakglass

pub mod error;
pub mod secret;
pub mod vault;
