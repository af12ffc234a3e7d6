//! breakglass

pub mod custody;
pub mod error;
pub mod secret;
pub mod vault;
