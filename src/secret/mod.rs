//! Secrets in locked pages that are excluded from core dumps and wiped on drop, and process hardening.
//!
//! The only `unsafe` of the crate is in `pages`.

mod harden;
mod pages;
mod text;
mod value;

pub use harden::{harden, unencrypted_swap, wipe_stack};
pub use pages::{Pages, wipe_all};
pub use text::SecretText;
pub use value::{Secret, SecretBuf};
