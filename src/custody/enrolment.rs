//! The enrolment file: a custodian's public half, signed by their token. JSON in a DSSE envelope.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::attestation::{self, Expected};
use crate::error::{Error, Result};
use crate::vault::dsse::{self, Envelope};
use crate::vault::manifest::{Attested, Custodian, Token};
use crate::vault::{canonical, names, share};

/// The longest enrolment file, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The payload type of the envelope.
pub const TYPE: &str = "application/vnd.breakglass.enrolment.v1+json";

/// What a custodian enrols with.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The certificates, or null when attestation was waived.
    pub attestation: Option<Certificates>,
    /// When: RFC 3339, UTC, whole seconds.
    pub created: String,
    /// The enrolment's id: 16 random bytes as hex.
    pub enrolment: String,
    /// The token's firmware version, for people.
    pub firmware: String,
    /// The custodian's name.
    pub name: String,
    /// The age recipient of the part.
    pub part: String,
    /// The token and its keys.
    pub token: Token,
    /// 1.
    pub version: u8,
}

/// The attestation of both keys; every member base64 of DER.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// From the device's own (slot F9) to the root.
    pub chain: Vec<String>,
    /// Of the decryption key.
    pub decryption: String,
    /// Of the signing key.
    pub signing: String,
}

impl Enrolment {
    /// The digest that the token signs: SHA-256 of the envelope's pre-authentication encoding.
    pub fn to_sign(&self) -> [u8; 32] {
        dsse::to_sign(TYPE, self)
    }

    /// The file: the envelope with the token's DER signature, and a line end.
    pub fn to_file(&self, signature: &[u8]) -> Vec<u8> {
        let mut file = canonical::to_vec(&Envelope::new(TYPE, self, signature));
        file.push(b'\n');
        file
    }

    /// Reads an enrolment file: its form, its token's signature, its attestation.
    ///
    /// # Errors
    /// [`crate::error::Status::Usage`], naming the file and what is wrong with it.
    pub fn parse(origin: &str, file: &[u8]) -> Result<Self> {
        Self::read(file).map_err(|why| {
            Error::usage(format!("{origin} is not a valid enrolment: {why}"))
                .next("ask its custodian for the file again, or let them enrol again")
        })
    }

    fn read(file: &[u8]) -> Result<Self, String> {
        let body = file.strip_suffix(b"\n").ok_or("its last line is cut off")?;
        let envelope: Envelope =
            canonical::from_slice("its envelope", body, MAX_BYTES).map_err(|e| e.what)?;
        let enrolment: Self = envelope.open(TYPE, MAX_BYTES)?;
        if enrolment.version != 1 {
            return Err("it is of a kind this program does not know".into());
        }
        enrolment.check()?;
        if !envelope.is_signed_by(&enrolment.token.signing_key) {
            return Err(format!("the signature of YubiKey {} does not hold", enrolment.token.serial));
        }
        enrolment.check_attestation()?;
        Ok(enrolment)
    }

    /// The manifest's entry for this custodian.
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

    fn check(&self) -> Result<(), String> {
        names::name("the name", &self.name)?;
        names::hex_of("enrolment", &self.enrolment, 16)?;
        names::instant(&self.created)?;
        names::x25519_recipient(&self.part)?;
        if self.firmware.len() > 16 || !self.firmware.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err("its firmware version is none".into());
        }
        self.token.check()
    }

    fn check_attestation(&self) -> Result<(), String> {
        let found = match &self.attestation {
            None => Attested::None,
            Some(certificates) => certificates.verify(&self.token)?,
        };
        if found == self.token.attestation {
            Ok(())
        } else {
            Err(format!("it says {} and is {}", self.token.attestation.words(), found.words()))
        }
    }
}

impl Certificates {
    /// Checks both keys' certificates and says whose root vouches.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub fn verify(&self, token: &Token) -> Result<Attested, String> {
        let der = |text: &String| BASE64_STANDARD.decode(text).map_err(|_| "a certificate is not base64");
        let chain: Vec<_> = self.chain.iter().map(der).collect::<Result<_, _>>()?;
        let decryption = share::compressed(&token.recipient).and_then(|point| spki(&point));
        let decryption = decryption.ok_or("its recipient is no P-256 key")?;
        let signing = der(&token.signing_key)?;
        let expect = |key| Expected { key, serial: token.serial };
        attestation::verify(&der(&self.signing)?, &chain, &expect(&signing))
            .map_err(|why| format!("the attestation of its signing key does not hold: {why}"))?;
        attestation::verify(&der(&self.decryption)?, &chain, &expect(&decryption))
            .map_err(|why| format!("the attestation of its decryption key does not hold: {why}"))
    }
}

/// The DER `SubjectPublicKeyInfo` of a P-256 point in SEC 1 form.
pub fn spki(point: &[u8]) -> Option<Vec<u8>> {
    use p256::pkcs8::EncodePublicKey as _;
    let key = p256::PublicKey::from_sec1_bytes(point).ok()?;
    Some(key.to_public_key_der().ok()?.into_vec())
}
