//! Signed statements of custodians. Each signed statement is an in-toto Statement v1 in a DSSE envelope. The payload
//! type of the envelope depends on the purpose of the statement.

pub mod approval;
pub mod close;
pub mod drill;
mod form;
pub mod network;
pub mod request;
pub mod vault_life;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::enrolment::spki;
use super::token::{CHALLENGE_RESPONSE, Slot, Token, TokenError};
use crate::secret::SecretText;
use crate::vault::dsse::{self, Envelope, EnvelopeError};
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Custodian, Manifest, TokenKeys};

/// The type of every statement (in-toto Attestation Framework, Statement v1).
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The maximum length of a statement in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A statement: a predicate about one artifact (in-toto Statement v1).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    /// The content of the statement, such as an approval.
    pub predicate: P,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    subject: [Subject; 1],
}

/// The artifact that a statement is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The artifact's digest.
    pub digest: Sha256Hex,
    /// The artifact's human-readable name.
    pub name: String,
}

/// The digest of an artifact, in the JSON form of in-toto.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sha256Hex {
    /// SHA-256 as hex.
    pub sha256: String,
}

/// The payload types of all purposes. The payload types for requests and answers are reserved, so they are not in this
/// list.
const PURPOSES: [&str; 6] = [
    "application/vnd.breakglass.open.v1+json",
    "application/vnd.breakglass.close.v1+json",
    "application/vnd.breakglass.drill.v1+json",
    "application/vnd.breakglass.verify.v1+json",
    "application/vnd.breakglass.review.v1+json",
    "application/vnd.breakglass.reseal.v1+json",
];

/// One kind of statement, with its payload type and its predicate type.
pub trait Predicate: Serialize {
    /// The payload type of the envelope.
    const TYPE: &'static str;
    /// The predicate's type, a URI.
    const PREDICATE: &'static str;

    /// Returns the fields about the signer.
    fn signer(&self) -> Signer<'_>;

    /// Checks that the fields of this kind of statement are in their accepted forms. The fields about the signer are
    /// checked elsewhere.
    ///
    /// # Errors
    /// Returns the name of the field that is not in its accepted form.
    fn check(&self) -> Result<(), &'static str>;

    /// Returns whether the fields that repeat a field of the manifest are equal to the manifest's fields.
    fn is_of(&self, manifest: &Manifest) -> bool;
}

/// The fields of a statement about its signer.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The custodian's name.
    pub custodian: &'a str,
    /// The ID of the custodian's enrolment.
    pub enrolment: &'a str,
    /// The serial number of the token.
    pub serial: u32,
    /// The time of signing.
    pub signed: Timestamp,
}

/// The head of a ledger: the number of records and the digest of the last record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerHead {
    /// The number of records in the ledger.
    pub seq: u64,
    /// SHA-256 of the ledger's last line, as hex. If the ledger is empty, all digits of this field are zero.
    pub sha256: String,
}

impl LedgerHead {
    /// Checks that the fields are in their accepted forms.
    ///
    /// # Errors
    /// Returns the name of the field that has the ledger's head.
    pub fn check(&self) -> Result<(), &'static str> {
        form::ledger(self.seq, &self.sha256)
    }
}

impl<P: Predicate> Statement<P> {
    /// Returns a statement of `predicate` about the artifact with this name and digest.
    pub fn of(name: &str, sha256: &[u8; 32], predicate: P) -> Self {
        let digest = Sha256Hex { sha256: hex::encode(sha256) };
        Self {
            kind: STATEMENT.into(),
            predicate,
            predicate_type: P::PREDICATE.into(),
            subject: [Subject { digest, name: name.into() }],
        }
    }

    /// Checks that all fields are in their accepted forms. Returns the name of a field that is not.
    fn check(&self) -> form::Check {
        let (Subject { digest, name }, signer) = (self.subject(), self.predicate.signer());
        form::subject(name, &digest.sha256)?;
        form::signer(signer.custodian, signer.enrolment, signer.signed)?;
        self.predicate.check()
    }

    /// Returns the artifact that the statement is about.
    pub fn subject(&self) -> &Subject {
        &self.subject[0]
    }

    /// Checks that the token holds the enrolled signing key, verifies the PIN, and signs the statement.
    ///
    /// The signing key is checked because the slot's number comes from the manifest, and the vault file might have
    /// been altered. Without this check, an altered file could select an empty slot, and the token's error would not
    /// mention the file.
    ///
    /// # Errors
    /// See [`TokenError`]. If the slot has another key or no key, the function fails before it uses a PIN try or a
    /// touch.
    pub fn sign(
        &self,
        enrolled: &manifest::EnrolledToken,
        token: &mut dyn Token,
        pin: &SecretText,
        touch: &mut dyn FnMut(),
    ) -> Result<Envelope, TokenError> {
        let TokenKeys::Piv { signing_slot, .. } = &enrolled.keys else { return Err(CHALLENGE_RESPONSE) };
        self.check()
            .map_err(|_| TokenError::Failed("the statement is not in the form that readers accept"))?;
        let slot = Slot::parse(signing_slot).ok_or(OTHER_KEY)?;
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

/// The reason why a statement does not count as signed by a custodian.
#[derive(Debug)]
pub enum StatementError {
    /// The envelope is not valid, or does not contain the expected kind of payload.
    Envelope(EnvelopeError),
    /// The payload type is that of another purpose.
    OtherPurpose,
    /// The statement or its predicate does not have the expected type.
    Type,
    /// The field with this name is not in its accepted form.
    Field(&'static str),
    /// The manifest has no custodian with this name and enrolment.
    NotCustodian(String),
    /// The token is not enrolled for the custodian.
    NotToken {
        /// The custodian's name.
        custodian: String,
        /// The token's serial number.
        serial: u32,
    },
    /// The token's enrolled key did not make the signature.
    Signature {
        /// The custodian's name.
        custodian: String,
        /// The token's serial number.
        serial: u32,
    },
    /// The statement is about another vault.
    OtherVault,
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(why) => why.fmt(f),
            Self::OtherPurpose => f.write_str("the statement is for another purpose"),
            Self::Type => f.write_str("the statement has another type"),
            Self::Field(name) => write!(f, "its field {name} is not in the accepted form"),
            Self::NotCustodian(name) => write!(f, "{name} is not a custodian of this vault"),
            Self::NotToken { custodian, serial } => {
                write!(f, "YubiKey {serial} is not a token of {custodian}")
            }
            Self::Signature { custodian, serial } => {
                write!(f, "the signature of {custodian}'s YubiKey {serial} is not valid")
            }
            Self::OtherVault => f.write_str("the statement is about another vault"),
        }
    }
}

impl std::error::Error for StatementError {}

impl From<EnvelopeError> for StatementError {
    fn from(why: EnvelopeError) -> Self {
        Self::Envelope(why)
    }
}

/// Finds the signer of a statement by name and enrolment ID, and the signer's token by its serial number.
///
/// # Errors
/// Returns [`StatementError`] if the signer or the token is not in `manifest`, or the signature is not valid.
fn signer<'a>(
    manifest: &'a Manifest,
    Signer { custodian: name, enrolment, serial, .. }: Signer<'_>,
    envelope: &Envelope,
) -> Result<(&'a Custodian, &'a manifest::EnrolledToken), StatementError> {
    let custodian = manifest.custodians.iter().find(|c| c.name == name && c.enrolment == enrolment);
    let custodian = custodian.ok_or_else(|| StatementError::NotCustodian(name.to_owned()))?;
    match custodian.tokens.iter().find(|token| token.serial == serial) {
        Some(token) if envelope.is_signed_by(&token.signing_key) => Ok((custodian, token)),
        Some(_) => Err(StatementError::Signature { custodian: name.to_owned(), serial }),
        None => Err(StatementError::NotToken { custodian: name.to_owned(), serial }),
    }
}

const OTHER_KEY: TokenError = TokenError::Failed("its signing key is not the one that was enrolled");

impl<P: Predicate + serde::de::DeserializeOwned> Statement<P> {
    /// Reads a statement of this kind, without checking the statement's signature.
    ///
    /// # Errors
    /// Fails if the statement is for another purpose, or is not in the form of the specification.
    pub fn read(envelope: &Envelope) -> Result<Self, StatementError> {
        if envelope.payload_type() != P::TYPE && PURPOSES.contains(&envelope.payload_type()) {
            return Err(StatementError::OtherPurpose);
        }
        let statement: Self = envelope.open(P::TYPE, MAX_BYTES)?;
        if !envelope.has_base64_signature() {
            return Err(StatementError::Field("sig"));
        }
        if statement.kind != STATEMENT || statement.predicate_type != P::PREDICATE {
            return Err(StatementError::Type);
        }
        statement.check().map_err(StatementError::Field)?;
        Ok(statement)
    }

    /// Reads a statement, and checks that a custodian in `manifest` signed it with an enrolled token.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn signed<'a>(
        manifest: &'a Manifest,
        envelope: &Envelope,
    ) -> Result<(&'a Custodian, &'a manifest::EnrolledToken, Self), StatementError> {
        let statement = Self::read(envelope)?;
        let (custodian, token) = signer(manifest, statement.predicate.signer(), envelope)?;
        Ok((custodian, token, statement))
    }

    /// Reads a statement, and checks that a custodian in `manifest` signed it, and that its fields are those of the
    /// vault with this manifest.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn signed_for(manifest: &Manifest, envelope: &Envelope) -> Result<Self, StatementError> {
        let (.., statement) = Self::signed(manifest, envelope)?;
        if statement.predicate.is_of(manifest) { Ok(statement) } else { Err(StatementError::OtherVault) }
    }

    /// Reads a statement, and checks that a custodian of the vault signed it, that its fields are those of the vault,
    /// and that its subject is the file with the digest `sha256`: the vault or, in a review, the packet.
    ///
    /// # Errors
    /// See [`StatementError`].
    pub fn signed_about<'a>(
        vault: &'a Vault,
        sha256: &[u8; 32],
        envelope: &Envelope,
    ) -> Result<(&'a Custodian, Self), StatementError> {
        let (custodian, _, statement) = Self::signed(&vault.manifest, envelope)?;
        let is_about = statement.subject().digest.sha256 == hex::encode(sha256);
        if is_about && statement.predicate.is_of(&vault.manifest) {
            Ok((custodian, statement))
        } else {
            Err(StatementError::OtherVault)
        }
    }
}
