//! Canonical JSON, RFC 8785, for everything that is digested, committed to or signed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// `value` as RFC 8785 JSON.
///
/// # Panics
/// When `value` cannot be JSON at all (a map with keys that are no strings): no type here is such.
pub fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("the value has a JSON form")
}

/// JSON that came from elsewhere, as RFC 8785 text.
///
/// # Errors
/// When it holds a number that RFC 8785 cannot write.
pub fn text<T: Serialize>(value: &T) -> Result<String> {
    serde_json_canonicalizer::to_string(value)
        .map_err(|e| Error::failed(format!("this JSON has no canonical form: {e}")))
}

/// SHA-256 of JSON that came from elsewhere, over its RFC 8785 text.
///
/// # Errors
/// As [`text`].
pub fn try_digest<T: Serialize>(value: &T) -> Result<[u8; 32]> {
    Ok(Sha256::digest(text(value)?).into())
}

/// Both are the same document.
pub fn same(a: &Value, b: &Value) -> bool {
    matches!((text(a), text(b)), (Ok(a), Ok(b)) if a == b)
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
