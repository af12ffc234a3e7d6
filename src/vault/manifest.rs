//! The manifest: who, how many, which epoch, which targets. Public, canonical, and covered by every share.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canonical;
use super::duration::Span;
use super::names;
use super::quorum::{KEY, MAX_CUSTODIANS, Share, Threshold};
use crate::error::{Error, Result};

/// The longest manifest, in bytes.
pub const MAX_BYTES: usize = 128 * 1024;

/// The most targets of a vault.
pub const MAX_TARGETS: usize = 256;

/// The most alert channels.
pub const MAX_CHANNELS: usize = 16;

/// The most tokens of a custodian.
pub const MAX_TOKENS: usize = 8;

const COMMITMENT: &[u8] = b"breakglass/commitment v1";

/// How the window is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// An IAM user that a time-bound policy enables.
    Gate,
    /// A role that the user assumes under MFA, in a session whose policy has an end: it needs no IAM write.
    Static,
}

impl Lane {
    /// For a screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gate => "gate (an IAM policy with an end)",
            Self::Static => "static (a role's session with an end; it cannot be closed early)",
        }
    }
}

/// What kind of device a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A PIV key pair on the device (SP 800-73-4).
    Piv,
}

/// Who vouches that the token's keys were made on a genuine device.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attested {
    /// Yubico's roots.
    Yubico,
    /// Another root, named at enrolment.
    Other,
    /// Nobody.
    None,
}

impl Attested {
    /// For a screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Yubico => "attested by Yubico",
            Self::Other => "attested by a root that is not Yubico's",
            Self::None => "not attested",
        }
    }
}

/// A custodian's token, as it was enrolled.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who vouches for it.
    pub attestation: Attested,
    /// PIV slot of the decryption key, two hex digits, 82–95.
    pub decryption_slot: String,
    /// Its kind.
    pub kind: TokenKind,
    /// The age recipient of its decryption key, `age1tag1…`.
    pub recipient: String,
    /// The device's serial number.
    pub serial: u32,
    /// Its signing key: base64 of the DER `SubjectPublicKeyInfo`.
    pub signing_key: String,
    /// PIV slot of the signing key.
    pub signing_slot: String,
}

/// A custodian of the vault.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// Binds the share to this manifest: 32 bytes as hex. Absent only while the digest is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
    /// The enrolment's id, 16 bytes as hex.
    pub enrolment: String,
    /// SHA-256 of the enrolment file, as hex.
    pub enrolment_sha256: String,
    /// Whether the fingerprint words were typed in at sealing as the custodian read them out.
    pub fingerprint_checked: bool,
    /// From 1; the x of the share.
    pub index: u8,
    /// The name.
    pub name: String,
    /// The age recipient of the part, `age1…`.
    pub part: String,
    /// The tokens, each of which opens this custodian's share.
    pub tokens: Vec<Token>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What custodians are told of a target.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Twelve digits.
    pub account: String,
    /// SHA-256 of the grant in RFC 8785 JSON, as hex.
    pub grant_sha256: String,
    /// The longest window.
    pub max_window: Span,
    /// The user's sessions carry MFA.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mfa: bool,
    /// The name.
    pub name: String,
    /// The AWS partition.
    pub partition: String,
    /// Where the grant holds.
    pub regions: Vec<String>,
    /// The emergency IAM user.
    pub user: String,
}

/// Who, how many, which epoch, which targets.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The names of the channels by which people are told before anything opens, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// When it was sealed: RFC 3339, UTC, whole seconds.
    pub created: String,
    /// Raised only by new credentials; from 1.
    pub credentials_epoch: u32,
    /// In the order of their indexes, 1..=N.
    pub custodians: Vec<Custodian>,
    /// In a drill vault: the id of the vault that is practised for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_of: Option<String>,
    /// Raised by each reseal; from 1.
    pub epoch: u32,
    /// A name for people.
    pub label: String,
    /// How the window is made.
    pub lane: Lane,
    /// SHA-256 of the file this one replaces, as hex.
    pub replaces: Option<String>,
    /// What it opens.
    pub targets: Vec<Target>,
    /// How many custodians it takes.
    pub threshold: Threshold,
    /// 16 random bytes as hex; the same over all epochs.
    pub vault_id: String,
    /// 1.
    pub version: u8,
}

impl Manifest {
    /// Reads a manifest, canonical and complete.
    ///
    /// # Errors
    /// [`crate::error::Status::Damaged`], naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let manifest: Self = canonical::from_slice("the manifest", bytes, MAX_BYTES)?;
        manifest.check().map_err(|why| Error::damaged(format!("the manifest is not valid: {why}")))?;
        Ok(manifest)
    }

    /// The canonical form that stands in the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(self)
    }

    /// SHA-256 of the manifest without its commitments: what each commitment binds.
    pub fn digest(&self) -> [u8; 32] {
        let mut bare = self.clone();
        for custodian in &mut bare.custodians {
            custodian.commitment = None;
        }
        canonical::digest(&bare)
    }

    /// Sets every custodian's commitment to their share.
    pub fn commit(&mut self, shares: &[Share]) {
        let digest = self.digest();
        for (custodian, share) in self.custodians.iter_mut().zip(shares) {
            custodian.commitment = Some(hex::encode(commitment(&digest, share)));
        }
    }

    /// Whether `share` is the one that was committed to under this very manifest.
    pub fn admits(&self, share: &Share) -> bool {
        let expected = hex::encode(commitment(&self.digest(), share));
        self.custodian(share.index).is_some_and(|c| c.commitment.as_deref() == Some(&expected))
    }

    /// The custodian of an index.
    pub fn custodian(&self, index: u8) -> Option<&Custodian> {
        self.custodians.get(usize::from(index).checked_sub(1)?)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!("its version is {}, this program reads version 1", self.version));
        }
        names::hex_of("vault_id", &self.vault_id, 16)?;
        names::label(&self.label)?;
        names::instant(&self.created)?;
        if let Some(replaces) = &self.replaces {
            names::hex_of("replaces", replaces, 32)?;
        }
        if self.alerts.len() > MAX_CHANNELS {
            return Err(format!("there are more than {MAX_CHANNELS} alert channels"));
        }
        self.alerts.iter().try_for_each(|channel| names::name("alert channel", channel))?;
        names::all_different("alert channel", self.alerts.iter())?;
        if let Some(vault) = &self.drill_of {
            names::hex_of("drill_of", vault, 16)?;
            if *vault == self.vault_id {
                return Err("it is a drill of itself".into());
            }
        }
        if self.epoch == 0 || self.credentials_epoch == 0 || self.credentials_epoch > self.epoch {
            return Err("its epochs do not count from 1".into());
        }
        self.check_custodians()?;
        self.check_targets()
    }

    fn check_custodians(&self) -> Result<(), String> {
        let count = self.custodians.len();
        if count > MAX_CUSTODIANS.into() || usize::from(self.threshold.get()) > count {
            return Err(format!("{} of {count} custodians is no quorum", self.threshold.get()));
        }
        for (position, custodian) in self.custodians.iter().enumerate() {
            if usize::from(custodian.index) != position + 1 {
                return Err("its custodians' indexes are not 1, 2, 3 and so on".into());
            }
            custodian.check()?;
        }
        names::all_different("custodian name", self.custodians.iter().map(|c| c.name.as_str()))?;
        names::all_different("enrolment", self.custodians.iter().map(|c| c.enrolment.as_str()))?;
        names::all_different("part", self.custodians.iter().map(|c| c.part.as_str()))?;
        let tokens = || self.custodians.iter().flat_map(|c| &c.tokens);
        names::all_different("token", tokens().map(|t| t.serial.to_string()))?;
        names::all_different("token key", tokens().map(|t| t.recipient.as_str()))
    }

    fn check_targets(&self) -> Result<(), String> {
        if self.targets.is_empty() || self.targets.len() > MAX_TARGETS {
            return Err(format!("a vault has 1 to {MAX_TARGETS} targets"));
        }
        for target in &self.targets {
            names::target(&target.name, &target.partition, &target.account, &target.user, &target.regions)?;
            names::window(target.max_window)?;
            names::hex_of("grant_sha256", &target.grant_sha256, 32)?;
            if self.lane == Lane::Static && !target.mfa {
                return Err(format!("{}: a target of the lane static has MFA", target.name));
            }
        }
        names::all_different("target name", self.targets.iter().map(|t| t.name.as_str()))
    }
}

impl Custodian {
    fn check(&self) -> Result<(), String> {
        names::name("custodian name", &self.name)?;
        names::hex_of("enrolment", &self.enrolment, 16)?;
        names::hex_of("enrolment_sha256", &self.enrolment_sha256, 32)?;
        names::hex_of("commitment", self.commitment.as_deref().unwrap_or_default(), 32)?;
        names::x25519_recipient(&self.part)?;
        if self.tokens.is_empty() || self.tokens.len() > MAX_TOKENS {
            return Err(format!(
                "{} has {} tokens; 1 to {MAX_TOKENS} are allowed",
                self.name,
                self.tokens.len()
            ));
        }
        self.tokens.iter().try_for_each(Token::check)
    }
}

impl Token {
    /// Whether every member has its only accepted form.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        names::slot(&self.decryption_slot)?;
        names::slot(&self.signing_slot)?;
        if self.decryption_slot == self.signing_slot {
            return Err("a token's two keys are in one slot".into());
        }
        names::tag_recipient(&self.recipient)?;
        names::signing_key(&self.signing_key)
    }
}

/// SHA-256 over the label, the manifest's digest, the index (one byte) and the share (16 bytes).
fn commitment(manifest: &[u8; 32], share: &Share) -> [u8; 32] {
    let value: &[u8; KEY] = share.value.expose();
    Sha256::new()
        .chain_update(COMMITMENT)
        .chain_update(manifest)
        .chain_update([share.index])
        .chain_update(value)
        .finalize()
        .into()
}
