//! The enrolment file contains a custodian's public keys, signed by the custodian's token. The file is JSON in a DSSE
//! envelope.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::attestation::{self, AttestationError, AttestedKey};
use crate::error::{Error, Result};
use crate::vault::canonical::JsonError;
use crate::vault::dsse::{self, Envelope, EnvelopeError};
use crate::vault::manifest::{Attested, Custodian, EnrolledToken, ManifestError, TokenKeys};
use crate::vault::names::NameError;
use crate::vault::{canonical, names, share};

/// The maximum length of an enrolment file in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The payload type of the envelope.
pub const TYPE: &str = "application/vnd.breakglass.enrolment.v1+json";

/// A custodian's enrolment.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The attestation certificates, or null if the custodian enrolled without attestation.
    pub attestation: Option<Certificates>,
    /// The time of enrolment: RFC 3339, UTC, whole seconds.
    pub created: String,
    /// The enrolment's ID: 16 random bytes as hex.
    pub enrolment: String,
    /// The custodian's name.
    pub name: String,
    /// The age recipient of the custodian's part. The part is the secret that the custodian's twelve words encode.
    pub part: String,
    /// The token and its keys.
    pub token: EnrolledToken,
    /// The version of the enrolment format, which is 1.
    pub version: u8,
}

/// The attestation certificates of the token's two keys, each as base64 of DER.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// The certificate chain: the device's certificate (slot F9) first, then the issuers' certificates, the root
    /// last.
    pub chain: Vec<String>,
    /// The certificate of the decryption key.
    pub decryption: String,
    /// The certificate of the signing key.
    pub signing: String,
}

/// The reason why a file is not a valid enrolment (vault-format.md: `invalid`).
#[derive(Debug)]
pub enum EnrolmentError {
    /// The final newline is missing.
    CutOff,
    /// The file is not a canonical envelope.
    Json(JsonError),
    /// The envelope does not contain an enrolment.
    Envelope(EnvelopeError),
    /// The enrolment's format version is not 1.
    Version(u8),
    /// A name, number or key is not valid.
    Name(NameError),
    /// A field of the token is not valid.
    Token(ManifestError),
    /// The token with this serial number did not make the signature.
    Signature(u32),
    /// The token's recipient is not a P-256 key.
    Recipient,
    /// A certificate is not base64.
    CertificateBase64,
    /// The enrolment has certificates for a challenge-response token, but such a token cannot be attested.
    AttestedChallenge,
    /// The certificates do not attest a key.
    Attestation {
        /// The key: `signing` or `decryption`.
        key: &'static str,
        /// The reason why the certificates do not attest the key.
        why: AttestationError,
    },
    /// The enrolment states an attestation (`yubico`, `other` or `none`), but the certificates prove a different one.
    Attested {
        /// The attestation that the enrolment states.
        stated: Attested,
        /// The attestation that the program found by checking the certificates.
        found: Attested,
    },
}

impl fmt::Display for EnrolmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => f.write_str("its last line is cut off"),
            Self::Json(why) => write!(f, "its envelope {why}"),
            Self::Envelope(why) => why.fmt(f),
            Self::Version(version) => write!(f, "its version is {version}; this program reads version 1"),
            Self::Name(why) => why.fmt(f),
            Self::Token(why) => why.fmt(f),
            Self::Signature(serial) => write!(f, "the signature of YubiKey {serial} is not valid"),
            Self::Recipient => f.write_str("its recipient is not a P-256 key"),
            Self::AttestedChallenge => f.write_str("a challenge-response token cannot be attested"),
            Self::CertificateBase64 => f.write_str("a certificate is not base64"),
            Self::Attestation { key, why } => {
                write!(f, "the attestation of its {key} key is not valid: {why}")
            }
            Self::Attested { stated, found } => {
                write!(f, "it is marked {:?}, but it is {}", stated.words(), found.words())
            }
        }
    }
}

impl std::error::Error for EnrolmentError {}

impl From<EnvelopeError> for EnrolmentError {
    fn from(why: EnvelopeError) -> Self {
        Self::Envelope(why)
    }
}

impl From<NameError> for EnrolmentError {
    fn from(why: NameError) -> Self {
        Self::Name(why)
    }
}

impl From<ManifestError> for EnrolmentError {
    fn from(why: ManifestError) -> Self {
        Self::Token(why)
    }
}

impl Enrolment {
    /// Returns the 32 bytes that the token signs: SHA-256 of the envelope's pre-authentication encoding.
    pub fn to_sign(&self) -> [u8; 32] {
        dsse::to_sign(TYPE, self)
    }

    /// Returns the enrolment file: the envelope with the token's DER signature, and a newline.
    pub fn to_file(&self, signature: &[u8]) -> Vec<u8> {
        let mut file = canonical::to_vec(&Envelope::new(TYPE, self, signature));
        file.push(b'\n');
        file
    }

    /// Reads an enrolment file, and checks the token's signature and attestation.
    ///
    /// # Errors
    /// Returns [`crate::error::Status::Usage`]. The message has the file's name and the [`EnrolmentError`].
    pub fn parse(origin: &str, file: &[u8]) -> Result<Self> {
        Self::read(file).map_err(|why| {
            Error::usage(format!("{origin} is not a valid enrolment: {why}"))
                .next("ask the custodian to send the file again, or to enrol again")
        })
    }

    fn read(file: &[u8]) -> Result<Self, EnrolmentError> {
        // `MAX_BYTES` limits the complete file, including the newline at its end.
        if file.len() > MAX_BYTES {
            return Err(EnrolmentError::Json(JsonError::TooLong(MAX_BYTES)));
        }
        let body = file.strip_suffix(b"\n").ok_or(EnrolmentError::CutOff)?;
        let envelope: Envelope = canonical::from_slice(body, MAX_BYTES).map_err(EnrolmentError::Json)?;
        let enrolment: Self = envelope.open(TYPE, MAX_BYTES)?;
        if enrolment.version != 1 {
            return Err(EnrolmentError::Version(enrolment.version));
        }
        enrolment.check()?;
        if !envelope.is_signed_by(&enrolment.token.signing_key) {
            return Err(EnrolmentError::Signature(enrolment.token.serial));
        }
        enrolment.check_attestation()?;
        Ok(enrolment)
    }

    /// Returns the manifest's entry for this custodian. The entry does not contain the share's commitment yet.
    pub fn custodian(&self, index: u8, file: &[u8], fingerprint_checked: bool) -> Custodian {
        Custodian {
            commitment: None,
            enrolment: self.enrolment.clone(),
            enrolment_sha256: hex::encode(Sha256::digest(file)),
            fingerprint_checked,
            index,
            name: self.name.clone(),
            part: self.part.clone(),
            tokens: vec![self.token.clone()],
        }
    }

    fn check(&self) -> Result<(), EnrolmentError> {
        names::name("the name", &self.name)?;
        names::hex_of("enrolment", &self.enrolment, 16)?;
        names::instant(&self.created)?;
        names::part_recipient(&self.part)?;
        Ok(self.token.check()?)
    }

    fn check_attestation(&self) -> Result<(), EnrolmentError> {
        let found = match &self.attestation {
            None => Attested::None,
            Some(certificates) => certificates.verify(&self.token)?,
        };
        if found == self.token.attestation {
            Ok(())
        } else {
            Err(EnrolmentError::Attested { stated: self.token.attestation, found })
        }
    }
}

impl Certificates {
    /// Checks the certificates of both keys. Returns whether a root of Yubico or another root attests the keys.
    ///
    /// # Errors
    /// Fails if a certificate does not attest the token's key; see [`EnrolmentError`].
    pub fn verify(&self, token: &EnrolledToken) -> Result<Attested, EnrolmentError> {
        let der = |text: &String| BASE64_STANDARD.decode(text).map_err(|_| EnrolmentError::CertificateBase64);
        let TokenKeys::Piv { decryption_slot, signing_slot } = &token.keys else {
            return Err(EnrolmentError::AttestedChallenge);
        };
        let chain: Vec<_> = self.chain.iter().map(der).collect::<Result<_, _>>()?;
        let decryption = share::compressed(&token.recipient).and_then(|point| spki(&point));
        let decryption = decryption.ok_or(EnrolmentError::Recipient)?;
        let signing = der(&token.signing_key)?;
        let expect = |key, slot| AttestedKey { key, slot, serial: token.serial, firmware: token.firmware };
        let (signing, decryption) = (expect(&signing, signing_slot), expect(&decryption, decryption_slot));
        attestation::verify(&der(&self.signing)?, &chain, &signing)
            .map_err(|why| EnrolmentError::Attestation { key: "signing", why })?;
        attestation::verify(&der(&self.decryption)?, &chain, &decryption)
            .map_err(|why| EnrolmentError::Attestation { key: "decryption", why })
    }
}

/// Encodes a P-256 point in SEC 1 form as a DER `SubjectPublicKeyInfo`.
pub fn spki(point: &[u8]) -> Option<Vec<u8>> {
    use p256::pkcs8::EncodePublicKey as _;
    let key = p256::PublicKey::from_sec1_bytes(point).ok()?;
    Some(key.to_public_key_der().ok()?.into_vec())
}
