//! The manifest lists the custodians, the threshold, the epochs and the targets. The manifest is public and in
//! canonical form. The manifest also has a commitment to each share, which binds the share to the manifest.

mod error;
mod target;
mod token;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::canonical;
use super::names;
use super::quorum::{KEY, MAX_CUSTODIANS, Share, Threshold};
pub use error::ManifestError;
pub use target::{MAX_SERVICES, TargetSummary};
pub use token::{Attested, EnrolledToken, TokenKeys, TokenKind};

/// The maximum length of a manifest in bytes. This length is enough for 16 custodians with 8 tokens each and for 256
/// targets with names of ordinary length. In each custodian's entry, the recipient of the part has 2 KB.
pub const MAX_BYTES: usize = 256 * 1024;

/// The maximum number of targets.
pub const MAX_TARGETS: usize = 256;

/// The maximum number of alert channels.
pub const MAX_CHANNELS: usize = 16;

/// The maximum number of tokens of one custodian.
pub const MAX_TOKENS: usize = 8;

const COMMITMENT: &[u8] = b"breakglass/commitment v1";

/// How access is opened and closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// A policy on an IAM user gives the user access until the window ends.
    Gate,
    /// The user assumes a role with MFA, and a session policy ends the access. In this lane, the program writes
    /// nothing to IAM.
    Static,
}

impl Lane {
    /// Returns a short description of the lane for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gate => "gate (an IAM policy with an end)",
            Self::Static => "static (a role's session with an end; it cannot be closed early)",
        }
    }
}

/// A custodian of the vault.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custodian {
    /// The commitment to the share: 32 bytes as hex. The commitment binds the share to this manifest. The commitment
    /// is absent only while the manifest's digest is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
    /// The enrolment's id, 16 bytes as hex.
    pub enrolment: String,
    /// SHA-256 of the enrolment file, as hex.
    pub enrolment_sha256: String,
    /// Whether the fingerprint of the enrolment file was checked: the custodian read it out, and the person who sealed
    /// the vault typed it in.
    pub fingerprint_checked: bool,
    /// The custodian's index, counted from 1. The index is also the x coordinate of the share in Shamir's scheme.
    pub index: u8,
    /// The custodian's name.
    pub name: String,
    /// The age recipient of the part, `age1pq1…`.
    pub part: String,
    /// The custodian's tokens. Each token alone can decrypt its half of the share.
    pub tokens: Vec<EnrolledToken>,
}

/// The public description of a vault.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The names of the alert channels, in the order of the payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// The time of sealing: RFC 3339, UTC, whole seconds.
    pub created: String,
    /// The credentials epoch, counted from 1. A reseal raises this number only if the credentials have changed.
    pub credentials_epoch: u32,
    /// The custodians, in the order of their indexes from 1 to N.
    pub custodians: Vec<Custodian>,
    /// In a drill vault: the `vault_id` of the real vault. A drill practises an opening of the real vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_of: Option<String>,
    /// The vault's epoch, counted from 1. Each reseal raises the epoch.
    pub epoch: u32,
    /// The vault's human-readable name.
    pub label: String,
    /// How access is opened and closed.
    pub lane: Lane,
    /// SHA-256 of the vault that this vault replaces, as hex. The field is `None` only in a vault of epoch 1 and in a
    /// drill vault.
    pub replaces: Option<String>,
    /// The targets: the emergency users, and the access that an opening gives them.
    pub targets: Vec<TargetSummary>,
    /// The number of custodians who are needed to open the vault.
    pub threshold: Threshold,
    /// The vault's id: 16 random bytes as hex. The id is the same in all epochs.
    pub vault_id: String,
    /// The version of the manifest's format, which is 1.
    pub version: u8,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = canonical::from_slice(bytes, MAX_BYTES).map_err(ManifestError::Json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Returns the manifest as the canonical JSON that is in the vault file.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(self)
    }

    /// Returns the SHA-256 of the manifest without its commitments. This digest is an input of each commitment.
    pub fn digest(&self) -> [u8; 32] {
        let mut bare = self.clone();
        for custodian in &mut bare.custodians {
            custodian.commitment = None;
        }
        canonical::digest(&bare)
    }

    /// Computes the commitments to `shares` and stores them in the custodians' entries.
    pub fn commit(&mut self, shares: &[Share]) {
        let digest = self.digest();
        for (custodian, share) in self.custodians.iter_mut().zip(shares) {
            custodian.commitment = Some(hex::encode(commitment(&digest, share)));
        }
    }

    /// Returns whether `share` matches its commitment in this manifest.
    pub fn admits(&self, share: &Share) -> bool {
        let expected = hex::encode(commitment(&self.digest(), share));
        self.custodian(share.index).is_some_and(|c| c.commitment.as_deref() == Some(&expected))
    }

    /// Returns the custodian with this index, counted from 1.
    pub fn custodian(&self, index: u8) -> Option<&Custodian> {
        self.custodians.get(usize::from(index).checked_sub(1)?)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.version != 1 {
            return Err(ManifestError::Version(self.version));
        }
        names::hex_of("vault_id", &self.vault_id, 16)?;
        names::label(&self.label)?;
        names::instant(&self.created)?;
        if let Some(replaces) = &self.replaces {
            names::hex_of("replaces", replaces, 32)?;
        }
        if self.alerts.len() > MAX_CHANNELS {
            return Err(ManifestError::ChannelCount);
        }
        self.alerts.iter().try_for_each(|channel| names::name("alert channel", channel))?;
        names::all_different("alert channel", self.alerts.iter())?;
        if let Some(vault) = &self.drill_of {
            names::hex_of("drill_of", vault, 16)?;
            if *vault == self.vault_id {
                return Err(ManifestError::DrillOfItself);
            }
        }
        if self.epoch == 0 || self.credentials_epoch == 0 || self.credentials_epoch > self.epoch {
            return Err(ManifestError::Epochs);
        }
        if self.replaces.is_none() != (self.epoch == 1 || self.drill_of.is_some()) {
            return Err(ManifestError::Replaces);
        }
        self.check_custodians()?;
        self.check_targets()
    }

    fn check_custodians(&self) -> Result<(), ManifestError> {
        let count = self.custodians.len();
        if count > MAX_CUSTODIANS.into() || usize::from(self.threshold.get()) > count {
            return Err(ManifestError::Quorum { threshold: self.threshold.get(), custodians: count });
        }
        for (position, custodian) in self.custodians.iter().enumerate() {
            if usize::from(custodian.index) != position + 1 {
                return Err(ManifestError::Indexes);
            }
            custodian.check()?;
        }
        // A challenge-response token is a secret that can be copied, so a quorum needs at least one token of another
        // kind.
        let only_challenge = |c: &&Custodian| c.tokens.iter().all(|t| t.keys.kind() == TokenKind::Challenge);
        if self.custodians.iter().filter(only_challenge).count() >= self.threshold.get().into() {
            return Err(ManifestError::OnlyChallenge);
        }
        names::all_different("custodian name", self.custodians.iter().map(|c| c.name.as_str()))?;
        names::all_different("enrolment", self.custodians.iter().map(|c| c.enrolment.as_str()))?;
        names::all_different("part", self.custodians.iter().map(|c| c.part.as_str()))?;
        let tokens = || self.custodians.iter().flat_map(|c| &c.tokens);
        names::all_different("token", tokens().map(|t| t.serial.to_string()))?;
        Ok(names::all_different("token key", tokens().map(|t| t.recipient.as_str()))?)
    }

    fn check_targets(&self) -> Result<(), ManifestError> {
        if self.targets.is_empty() || self.targets.len() > MAX_TARGETS {
            return Err(ManifestError::TargetCount);
        }
        if self.drill_of.is_some() && self.targets.len() != 1 {
            return Err(ManifestError::DrillTargets);
        }
        self.targets.iter().try_for_each(|target| target.check(self.lane))?;
        Ok(names::all_different("target name", self.targets.iter().map(|t| t.name.as_str()))?)
    }
}

impl Custodian {
    fn check(&self) -> Result<(), ManifestError> {
        names::name("custodian name", &self.name)?;
        names::hex_of("enrolment", &self.enrolment, 16)?;
        names::hex_of("enrolment_sha256", &self.enrolment_sha256, 32)?;
        names::hex_of("commitment", self.commitment.as_deref().unwrap_or_default(), 32)?;
        names::part_recipient(&self.part)?;
        if self.tokens.is_empty() || self.tokens.len() > MAX_TOKENS {
            let custodian = self.name.clone();
            return Err(ManifestError::TokenCount { custodian, count: self.tokens.len() });
        }
        self.tokens.iter().try_for_each(EnrolledToken::check)
    }
}

/// Returns the commitment to a share: SHA-256 over the label, the manifest's digest (32 bytes), the index (1 byte)
/// and the share (16 bytes).
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
