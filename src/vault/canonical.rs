//! Canonical JSON (RFC 8785). The program uses this form for all JSON that it hashes, commits to or signs.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Serializes `value` as RFC 8785 JSON.
///
/// # Panics
/// Panics if `value` has no JSON form, such as a map whose keys are not strings. Every type that this program passes
/// has a JSON form.
pub fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("every type that is passed should have a JSON form")
}

/// Serializes `value` as RFC 8785 text. This function is for JSON that another program wrote. JSON of another program
/// might have no canonical form, so the function can fail.
///
/// # Errors
/// Fails if `value` contains a number that RFC 8785 cannot represent.
pub fn text<T: Serialize>(value: &T) -> Result<String> {
    serde_json_canonicalizer::to_string(value)
        .map_err(|e| Error::failed(format!("this JSON has no canonical form: {e}")))
}

/// Returns the SHA-256 of the RFC 8785 text of `value`. The function is for JSON that another program wrote.
///
/// # Errors
/// See [`text`].
pub fn try_digest<T: Serialize>(value: &T) -> Result<[u8; 32]> {
    Ok(Sha256::digest(text(value)?).into())
}

/// Returns whether both values have the same RFC 8785 text.
pub fn same(a: &Value, b: &Value) -> bool {
    matches!((text(a), text(b)), (Ok(a), Ok(b)) if a == b)
}

/// Returns the SHA-256 of the RFC 8785 JSON of `value`.
pub fn digest<T: Serialize>(value: &T) -> [u8; 32] {
    Sha256::digest(to_vec(value)).into()
}

/// The reason why bytes are not canonical JSON of the expected type. The error's text lacks a subject, such as "is not
/// valid". The caller puts the subject before this text.
#[derive(Debug)]
pub enum JsonError {
    /// The input is longer than this many bytes.
    TooLong(usize),
    /// The input is not JSON, or does not have the expected type.
    Invalid(serde_json::Error),
    /// The input is valid JSON, but not in the RFC 8785 form.
    NotCanonical,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(limit) => write!(f, "is longer than {limit} bytes"),
            Self::Invalid(why) => write!(f, "is not valid: {}", shown(why)),
            Self::NotCanonical => f.write_str("is not in canonical form (RFC 8785)"),
        }
    }
}

impl std::error::Error for JsonError {}

/// Reads a value from RFC 8785 JSON of at most `limit` bytes. JSON in any other form is refused.
///
/// # Errors
/// See [`JsonError`].
pub fn from_slice<T: Serialize + DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLong(limit));
    }
    let value: T = serde_json::from_slice(bytes).map_err(JsonError::Invalid)?;
    if to_vec(&value) == bytes { Ok(value) } else { Err(JsonError::NotCanonical) }
}

/// The maximum length of a shown error text, in characters.
const SHOWN: usize = 160;

/// Makes an error of `serde_json` safe for a terminal: shortens the text, and replaces every character that is not
/// printable ASCII with `?`. The text can quote the input, which can be long or contain escape sequences.
pub fn shown(error: &serde_json::Error) -> String {
    error.to_string().chars().take(SHOWN).map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}
