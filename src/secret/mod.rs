//! Types for secrets, and process hardening. Secrets are in locked pages, which are excluded from core dumps and
//! wiped when they are dropped.
//!
//! The only `unsafe` code of the crate is in `pages`.

mod harden;
mod pages;
mod text;
mod value;

pub use harden::{harden, unencrypted_swap, wipe_stack};
pub use pages::{Pages, wipe_all};
pub use text::SecretText;
pub use value::{Secret, SecretBuf};
