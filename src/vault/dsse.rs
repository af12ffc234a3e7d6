//! Dead Simple Signing Envelope, v1 (secure-systems-lab/dsse): canonical JSON, one ECDSA P-256 signature in DER.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canonical;

/// What was signed, of which type, and the signature.
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

/// What a token signs: SHA-256 of the pre-authentication encoding of `value` as canonical JSON.
pub fn to_sign<T: Serialize>(payload_type: &str, value: &T) -> [u8; 32] {
    digest(payload_type, &canonical::to_vec(value))
}

/// The pre-authentication encoding, digested.
fn digest(payload_type: &str, payload: &[u8]) -> [u8; 32] {
    let length = (payload_type.len(), payload.len());
    let start = format!("DSSEv1 {} {payload_type} {} ", length.0, length.1);
    Sha256::new().chain_update(start).chain_update(payload).finalize().into()
}

impl Envelope {
    /// Around `value`, with the token's DER signature.
    pub fn new<T: Serialize>(payload_type: &str, value: &T, signature: &[u8]) -> Self {
        Self {
            payload: BASE64_STANDARD.encode(canonical::to_vec(value)),
            payload_type: payload_type.into(),
            signatures: vec![Signature { sig: BASE64_STANDARD.encode(signature) }],
        }
    }

    /// What is in it, whoever signed it.
    ///
    /// # Errors
    /// In words, when it is of another type, has not one signature, or is not canonical.
    pub fn open<T: Serialize + DeserializeOwned>(
        &self,
        payload_type: &str,
        limit: usize,
    ) -> Result<T, String> {
        if self.payload_type != payload_type {
            return Err("it is of a kind this program does not know".into());
        }
        if self.signatures.len() != 1 {
            return Err("it has not one signature".into());
        }
        let payload = BASE64_STANDARD.decode(&self.payload).map_err(|_| "its payload is not base64")?;
        canonical::from_slice("its payload", &payload, limit).map_err(|e| e.what)
    }

    /// The bytes that were signed, whatever they say.
    pub fn payload(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(&self.payload).ok()
    }

    /// Whether its signature is of this key: base64 of the DER `SubjectPublicKeyInfo` (RFC 5480).
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
