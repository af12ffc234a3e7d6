//! Types for secrets, and process hardening. Secrets are kept in locked pages. Locked pages are excluded from core
//! dumps, and are wiped when the secret is dropped.
//!
//! The file `pages.rs` has the only `unsafe` code of the crate.

mod harden;
mod pages;
mod text;
mod value;

pub use harden::{harden, unencrypted_swap, wipe_stack};
pub use pages::{Pages, wipe_all};
pub use text::SecretText;
pub use value::{Secret, SecretBuf};
