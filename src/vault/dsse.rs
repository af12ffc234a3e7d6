//! An envelope for signed JSON, in the format Dead Simple Signing Envelope v1 (secure-systems-lab/dsse). The payload
//! is canonical JSON. The envelope has exactly one signature: ECDSA with P-256, in DER.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canonical::{self, JsonError};

/// A payload, its type, and one signature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    sig: String,
}

/// Returns the digest that a token signs. The digest is the SHA-256 of DSSE's pre-authentication encoding of `value`
/// as canonical JSON.
pub fn to_sign<T: Serialize>(payload_type: &str, value: &T) -> [u8; 32] {
    digest(payload_type, &canonical::to_vec(value))
}

/// Returns the SHA-256 of DSSE's pre-authentication encoding.
fn digest(payload_type: &str, payload: &[u8]) -> [u8; 32] {
    let length = (payload_type.len(), payload.len());
    let start = format!("DSSEv1 {} {payload_type} {} ", length.0, length.1);
    Sha256::new().chain_update(start).chain_update(payload).finalize().into()
}

/// The reason why an envelope is refused.
#[derive(Debug)]
pub enum EnvelopeError {
    /// The envelope's payload type is not the expected type.
    Type,
    /// The envelope has no signature, or more than one signature.
    Signatures,
    /// The payload is not base64.
    Base64,
    /// The payload is not canonical JSON of the expected type.
    Payload(JsonError),
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type => f.write_str("the file has a type that this version of the program does not know"),
            Self::Signatures => f.write_str("the envelope must have exactly one signature"),
            Self::Base64 => f.write_str("its payload is not base64"),
            Self::Payload(why) => write!(f, "its payload {why}"),
        }
    }
}

impl std::error::Error for EnvelopeError {}

impl Envelope {
    /// Returns an envelope that contains `value` and the token's DER signature of it.
    pub fn new<T: Serialize>(payload_type: &str, value: &T, signature: &[u8]) -> Self {
        Self {
            payload: BASE64_STANDARD.encode(canonical::to_vec(value)),
            payload_type: payload_type.into(),
            signatures: vec![Signature { sig: BASE64_STANDARD.encode(signature) }],
        }
    }

    /// Reads the payload without checking the signature.
    ///
    /// # Errors
    /// See [`EnvelopeError`].
    pub fn open<T: Serialize + DeserializeOwned>(
        &self,
        payload_type: &str,
        limit: usize,
    ) -> Result<T, EnvelopeError> {
        if self.payload_type != payload_type {
            return Err(EnvelopeError::Type);
        }
        if self.signatures.len() != 1 {
            return Err(EnvelopeError::Signatures);
        }
        let payload = BASE64_STANDARD.decode(&self.payload).map_err(|_| EnvelopeError::Base64)?;
        canonical::from_slice(&payload, limit).map_err(EnvelopeError::Payload)
    }

    /// Returns the type of the payload.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Returns whether each signature is canonical base64.
    pub fn has_base64_signature(&self) -> bool {
        self.signatures.iter().all(|signature| BASE64_STANDARD.decode(&signature.sig).is_ok())
    }

    /// Returns the payload's bytes without parsing them. Returns `None` if the payload is not base64.
    pub fn payload(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(&self.payload).ok()
    }

    /// Returns whether `key` made the signature. `key` is the base64 of the DER `SubjectPublicKeyInfo` (RFC 5480).
    pub fn is_signed_by(&self, key: &str) -> bool {
        let holds = || {
            let [signature] = self.signatures.as_slice() else { return None };
            let key =
                p256::ecdsa::VerifyingKey::from_public_key_der(&BASE64_STANDARD.decode(key).ok()?).ok()?;
            let payload = BASE64_STANDARD.decode(&self.payload).ok()?;
            let signature =
                p256::ecdsa::Signature::from_der(&BASE64_STANDARD.decode(&signature.sig).ok()?).ok()?;
            key.verify_prehash(&digest(&self.payload_type, &payload), &signature).ok()
        };
        holds().is_some()
    }
}
