//! A custodian's token as it was enrolled.

use serde::{Deserialize, Serialize};

use super::ManifestError;
use crate::vault::firmware::Firmware;
use crate::vault::names;

/// The kind of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// PIV key pairs on the device (SP 800-73-4).
    Piv,
    /// Keys that are derived from the answers of the token's HMAC-SHA1 slot.
    Challenge,
}

impl TokenKind {
    /// Returns the name of a slot in messages: `slot` for PIV, `challenge-response slot` for challenge-response.
    pub fn slot_word(self) -> &'static str {
        match self {
            Self::Piv => "slot",
            Self::Challenge => "challenge-response slot",
        }
    }
}

/// The root certificate that a token's attestation leads to. The attestation proves that the token's keys were
/// generated on a genuine device.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attested {
    /// One of Yubico's root certificates.
    Yubico,
    /// Another root certificate, which the custodian named at enrolment.
    Other,
    /// The token has no attestation.
    None,
}

impl Attested {
    /// Returns a short description of the attestation for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Yubico => "attested by Yubico",
            Self::Other => "attested by a root that is not Yubico's",
            Self::None => "not attested",
        }
    }
}

/// A custodian's token as it was enrolled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TokenForm", into = "TokenForm")]
pub struct EnrolledToken {
    /// The root certificate that the token's attestation leads to.
    pub attestation: Attested,
    /// The device's firmware version.
    pub firmware: Firmware,
    /// Where the private keys are, or how they are derived.
    pub keys: TokenKeys,
    /// The age recipient of the decryption key: `age1tag1…` for PIV, `age1…` for challenge-response.
    pub recipient: String,
    /// The device's serial number.
    pub serial: u32,
    /// The signing key: base64 of the DER `SubjectPublicKeyInfo`.
    pub signing_key: String,
}

/// Where a token's private keys are, or how they are derived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenKeys {
    /// The private keys are in PIV slots. A slot is two hex digits, 82 to 95.
    Piv {
        /// The slot of the decryption key.
        decryption_slot: String,
        /// The slot of the signing key.
        signing_slot: String,
    },
    /// The private keys are derived from the answers of an HMAC-SHA1 slot to two challenges.
    Challenge {
        /// The challenge for the decryption key: 32 random bytes as hex.
        decryption_challenge: String,
        /// The challenge for the signing key: 32 random bytes as hex.
        signing_challenge: String,
        /// The slot of the OTP application: 1 or 2.
        slot: u8,
    },
}

impl TokenKeys {
    /// Returns the token's kind.
    pub fn kind(&self) -> TokenKind {
        match self {
            Self::Piv { .. } => TokenKind::Piv,
            Self::Challenge { .. } => TokenKind::Challenge,
        }
    }

    /// Returns the slot that is used to decrypt the token's half of a share.
    pub fn slot(&self) -> String {
        match self {
            Self::Piv { decryption_slot, .. } => decryption_slot.clone(),
            Self::Challenge { slot, .. } => slot.to_string(),
        }
    }
}

/// The JSON form of a token of either kind.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    attestation: Attested,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decryption_challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decryption_slot: Option<String>,
    firmware: Firmware,
    kind: TokenKind,
    recipient: String,
    serial: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_challenge: Option<String>,
    signing_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signing_slot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slot: Option<u8>,
}

impl TryFrom<TokenForm> for EnrolledToken {
    type Error = &'static str;

    fn try_from(form: TokenForm) -> Result<Self, Self::Error> {
        let piv = (form.decryption_slot, form.signing_slot);
        let challenge = (form.decryption_challenge, form.signing_challenge, form.slot);
        let keys = match (form.kind, piv, challenge) {
            (TokenKind::Piv, (Some(decryption_slot), Some(signing_slot)), (None, None, None)) => {
                TokenKeys::Piv { decryption_slot, signing_slot }
            }
            (TokenKind::Challenge, (None, None), (Some(decryption), Some(signing), Some(slot))) => {
                TokenKeys::Challenge { decryption_challenge: decryption, signing_challenge: signing, slot }
            }
            _ => return Err("a token has fields of another kind, or lacks one of the fields of its kind"),
        };
        let TokenForm { attestation, firmware, recipient, serial, signing_key, .. } = form;
        Ok(Self { attestation, firmware, keys, recipient, serial, signing_key })
    }
}

impl From<EnrolledToken> for TokenForm {
    fn from(token: EnrolledToken) -> Self {
        let EnrolledToken { attestation, firmware, keys, recipient, serial, signing_key } = token;
        let kind = keys.kind();
        let (piv, challenge) = match keys {
            TokenKeys::Piv { decryption_slot, signing_slot } => (Some((decryption_slot, signing_slot)), None),
            TokenKeys::Challenge { decryption_challenge, signing_challenge, slot } => {
                (None, Some((decryption_challenge, signing_challenge, slot)))
            }
        };
        let (decryption_slot, signing_slot) = piv.unzip();
        let (challenges, slot) =
            challenge.map(|(decryption, signing, slot)| ((decryption, signing), slot)).unzip();
        let (decryption_challenge, signing_challenge) = challenges.unzip();
        Self {
            attestation,
            decryption_challenge,
            decryption_slot,
            firmware,
            kind,
            recipient,
            serial,
            signing_challenge,
            signing_key,
            signing_slot,
            slot,
        }
    }
}

impl EnrolledToken {
    /// Checks that every field has its only accepted form.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn check(&self) -> Result<(), ManifestError> {
        match &self.keys {
            TokenKeys::Piv { decryption_slot, signing_slot } => {
                names::slot(decryption_slot)?;
                names::slot(signing_slot)?;
                if decryption_slot == signing_slot {
                    return Err(ManifestError::SharedSlot);
                }
                names::tag_recipient(&self.recipient)?;
            }
            TokenKeys::Challenge { decryption_challenge, signing_challenge, slot } => {
                names::hex_of("decryption_challenge", decryption_challenge, 32)?;
                names::hex_of("signing_challenge", signing_challenge, 32)?;
                if decryption_challenge == signing_challenge {
                    return Err(ManifestError::SharedChallenge);
                }
                if !matches!(slot, 1 | 2) {
                    return Err(ManifestError::OtpSlot(*slot));
                }
                if self.attestation != Attested::None {
                    return Err(ManifestError::AttestedChallenge(self.serial));
                }
                names::x25519_recipient(&self.recipient)?;
            }
        }
        Ok(names::signing_key(&self.signing_key)?)
    }
}
