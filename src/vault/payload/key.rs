//! An IAM access key, the check of its form, and its canonical form.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The access key ID, such as `AKIA…`. The ID is not a secret.
    #[serde(rename = "access_key_id")]
    pub id: String,
    /// The secret access key, 40 characters.
    #[serde(rename = "secret_access_key")]
    pub secret: SecretText,
}

/// The reason why a key does not have the form of an AWS access key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyError {
    /// The ID is not 16 to 128 capital letters and digits.
    Id,
    /// The secret is not 40 characters of base64.
    Secret,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "the access key ID is not 16 or more capital letters and digits",
            Self::Secret => "the secret access key is not 40 characters of base64",
        })
    }
}

impl std::error::Error for KeyError {}

impl AccessKey {
    /// Checks that ID and secret have the form of an AWS access key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn check(&self) -> Result<(), KeyError> {
        let in_id = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if !(16..=128).contains(&self.id.len()) || !self.id.bytes().all(in_id) {
            return Err(KeyError::Id);
        }
        let secret = self.secret.expose();
        let in_secret = |b: u8| b.is_ascii_alphanumeric() || b"/+=".contains(&b);
        if secret.len() != 40 || !secret.bytes().all(in_secret) {
            return Err(KeyError::Secret);
        }
        Ok(())
    }
}

/// The canonical form of an [`AccessKey`]. The form borrows the values of the key.
#[derive(Serialize)]
pub(super) struct KeyForm<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
}

impl<'a> KeyForm<'a> {
    pub(super) fn of(key: &'a AccessKey) -> Self {
        Self { access_key_id: &key.id, secret_access_key: key.secret.expose() }
    }
}
