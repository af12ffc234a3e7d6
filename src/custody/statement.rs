//! What a custodian's token signs: an in-toto Statement v1 in a DSSE envelope, one payload type for each purpose.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::enrolment::spki;
use super::token::{Slot, Token, TokenError};
use crate::secret::SecretText;
use crate::vault::dsse::{self, Envelope};
use crate::vault::manifest::{self, Custodian, Manifest};

/// The type of every statement (in-toto Attestation Framework, Statement v1).
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The longest statement, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// What is said of one artifact.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    /// What is said.
    pub predicate: P,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: [Subject; 1],
}

/// The artifact.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// SHA-256, hex.
    pub digest: Sha256Hex,
    /// What people call it.
    pub name: String,
}

/// A digest as in-toto writes it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sha256Hex {
    /// Hex.
    pub sha256: String,
}

/// A kind of statement: its payload type and its predicate's.
pub trait Predicate: Serialize {
    /// The payload type of the envelope.
    const TYPE: &'static str;
    /// The predicate's type, a URI.
    const PREDICATE: &'static str;
}

/// Where a ledger stood.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerHead {
    /// How many records it had.
    pub seq: u64,
    /// SHA-256 of its last line, hex; zeros when it had none.
    pub sha256: String,
}

impl<P: Predicate> Statement<P> {
    /// Says `predicate` of what has this name and digest.
    pub fn of(name: &str, sha256: &[u8; 32], predicate: P) -> Self {
        let digest = Sha256Hex { sha256: hex::encode(sha256) };
        Self {
            kind: STATEMENT.into(),
            predicate,
            predicate_type: P::PREDICATE.into(),
            subject: [Subject { digest, name: name.into() }],
        }
    }

    /// What it is about.
    pub fn subject(&self) -> &Subject {
        &self.subject[0]
    }

    /// Checks that the token holds the enrolled signing key, verifies the PIN, and signs.
    ///
    /// The slot comes from the manifest, which a changed file may have altered: a token that is asked to sign with an
    /// empty slot answers with an error that says nothing about the file.
    ///
    /// # Errors
    /// See [`TokenError`]. Another key, or none, in the slot uses no PIN try and no touch.
    pub fn sign(
        &self,
        enrolled: &manifest::Token,
        token: &mut dyn Token,
        pin: &SecretText,
        touch: &mut dyn FnMut(),
    ) -> Result<Envelope, TokenError> {
        let slot = Slot::parse(&enrolled.signing_slot).ok_or(OTHER_KEY)?;
        let held = token.held(slot)?.and_then(|held| spki(&held.point));
        if held.map(|key| BASE64_STANDARD.encode(key)).as_ref() != Some(&enrolled.signing_key) {
            return Err(OTHER_KEY);
        }
        token.verify(pin)?;
        touch();
        let signature = token.sign(slot, &dsse::to_sign(P::TYPE, self))?;
        let envelope = Envelope::new(P::TYPE, self, &signature);
        if envelope.is_signed_by(&enrolled.signing_key) { Ok(envelope) } else { Err(OTHER_KEY) }
    }
}

/// Whoever says that they signed it: a custodian of `manifest`, by name and enrolment, and their token by its serial.
///
/// # Errors
/// In words, when they are none of its, or the signature does not hold.
pub fn signer<'a>(
    manifest: &'a Manifest,
    (name, enrolment, serial): (&str, &str, u32),
    envelope: &Envelope,
) -> Result<(&'a Custodian, &'a manifest::Token), String> {
    let custodian = manifest.custodians.iter().find(|c| c.name == name && c.enrolment == enrolment);
    let custodian = custodian.ok_or_else(|| format!("{name} is no custodian of this vault"))?;
    match custodian.tokens.iter().find(|token| token.serial == serial) {
        Some(token) if envelope.is_signed_by(&token.signing_key) => Ok((custodian, token)),
        Some(_) => Err(format!("the signature of {name}'s YubiKey {serial} does not hold")),
        None => Err(format!("YubiKey {serial} is not a token of {name}")),
    }
}

const OTHER_KEY: TokenError = TokenError::Failed("its signing key is not the one that was enrolled");

impl<P: Predicate + serde::de::DeserializeOwned> Statement<P> {
    /// Reads a statement of this kind, whoever signed it.
    ///
    /// # Errors
    /// In words.
    pub fn read(envelope: &Envelope) -> Result<Self, String> {
        let statement: Self = envelope.open(P::TYPE, MAX_BYTES)?;
        if statement.kind != STATEMENT || statement.predicate_type != P::PREDICATE {
            return Err("it is no statement of its kind".into());
        }
        Ok(statement)
    }
}
