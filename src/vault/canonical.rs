//! Canonical JSON, RFC 8785, for everything that is digested, committed to or signed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// `value` as RFC 8785 JSON.
///
/// # Panics
/// When `value` cannot be JSON at all (a map with keys that are no strings): no type here is such.
pub fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("the value has a JSON form")
}

/// SHA-256 of `value` as RFC 8785 JSON.
pub fn digest<T: Serialize>(value: &T) -> [u8; 32] {
    Sha256::digest(to_vec(value)).into()
}

/// Reads a value whose only accepted form is its RFC 8785 JSON, at most `limit` bytes of it.
///
/// # Errors
/// [`crate::error::Status::Damaged`]: too long, not JSON, not of type `T`, or not canonical.
pub fn from_slice<T: Serialize + DeserializeOwned>(what: &str, bytes: &[u8], limit: usize) -> Result<T> {
    if bytes.len() > limit {
        return Err(Error::damaged(format!("{what} is longer than {limit} bytes")));
    }
    let value: T = serde_json::from_slice(bytes)
        .map_err(|e| Error::damaged(format!("{what} is not valid: {}", shown(&e))))?;
    if to_vec(&value) != bytes {
        return Err(Error::damaged(format!("{what} is not in canonical form (RFC 8785)")));
    }
    Ok(value)
}

/// How many characters of an error's text are shown.
const SHOWN: usize = 160;

/// What `serde_json` says, fit for a terminal: it repeats what it read, which may be long or be escape sequences.
pub fn shown(error: &serde_json::Error) -> String {
    error.to_string().chars().take(SHOWN).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}
