//! Canonical JSON (RFC 8785), in which documents are compared and digested.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The value as RFC 8785 text.
///
/// # Errors
/// When it holds a number that RFC 8785 cannot write.
pub fn canonical<T: Serialize>(value: &T) -> Result<String> {
    serde_json_canonicalizer::to_string(value)
        .map_err(|e| Error::failed(format!("this JSON has no canonical form: {e}")))
}

/// SHA-256 over the value's RFC 8785 text.
///
/// # Errors
/// As [`canonical`].
pub fn digest<T: Serialize>(value: &T) -> Result<[u8; 32]> {
    Ok(Sha256::digest(canonical(value)?.as_bytes()).into())
}

/// Both are the same document.
pub fn same(a: &Value, b: &Value) -> bool {
    matches!((canonical(a), canonical(b)), (Ok(a), Ok(b)) if a == b)
}
