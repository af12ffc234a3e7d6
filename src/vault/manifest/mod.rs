//! The manifest: custodians, threshold, epochs and targets. Public, canonical, and bound by every share's commitment.

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

/// The maximum length of a manifest in bytes: 16 custodians, whose parts have recipients of 2 KB, with 8 tokens each, and 256
/// targets with names of ordinary length.
pub const MAX_BYTES: usize = 256 * 1024;

/// The maximum number of targets.
pub const MAX_TARGETS: usize = 256;

/// The maximum number of alert channels.
pub const MAX_CHANNELS: usize = 16;

/// The maximum number of tokens of a custodian.
pub const MAX_TOKENS: usize = 8;

const COMMITMENT: &[u8] = b"breakglass/commitment v1";

/// How access is opened and closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// A time-bound policy enables an IAM user.
    Gate,
    /// The user assumes a role with MFA, with a session policy that ends; needs no IAM write.
    Static,
}

impl Lane {
    /// A description for people.
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
    /// Binds the share to this manifest: 32 bytes as hex. Absent only while the digest is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
    /// The enrolment's id, 16 bytes as hex.
    pub enrolment: String,
    /// SHA-256 of the enrolment file, as hex.
    pub enrolment_sha256: String,
    /// Whether the custodian read out the fingerprint and it was typed in at sealing.
    pub fingerprint_checked: bool,
    /// From 1; the x of the share.
    pub index: u8,
    /// The name.
    pub name: String,
    /// The age recipient of the part, `age1pq1…`.
    pub part: String,
    /// The tokens; each opens this custodian's share.
    pub tokens: Vec<EnrolledToken>,
}

/// The public description of a vault.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The names of the alert channels, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// The time of sealing: RFC 3339, UTC, whole seconds.
    pub created: String,
    /// Increases with new credentials only; from 1.
    pub credentials_epoch: u32,
    /// The custodians, ordered by index, 1..=N.
    pub custodians: Vec<Custodian>,
    /// In a drill vault: the ID of the vault it rehearses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_of: Option<String>,
    /// Increases with each reseal; from 1.
    pub epoch: u32,
    /// A human-readable name.
    pub label: String,
    /// How access is opened and closed.
    pub lane: Lane,
    /// SHA-256 of the replaced file, as hex.
    pub replaces: Option<String>,
    /// The targets.
    pub targets: Vec<TargetSummary>,
    /// The number of custodians needed to open.
    pub threshold: Threshold,
    /// 16 random bytes as hex; the same in all epochs.
    pub vault_id: String,
    /// The format's version: 1.
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

    /// The canonical form in the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::to_vec(self)
    }

    /// SHA-256 of the manifest without commitments: what each commitment binds.
    pub fn digest(&self) -> [u8; 32] {
        let mut bare = self.clone();
        for custodian in &mut bare.custodians {
            custodian.commitment = None;
        }
        canonical::digest(&bare)
    }

    /// Sets each custodian's commitment to their share.
    pub fn commit(&mut self, shares: &[Share]) {
        let digest = self.digest();
        for (custodian, share) in self.custodians.iter_mut().zip(shares) {
            custodian.commitment = Some(hex::encode(commitment(&digest, share)));
        }
    }

    /// Whether `share` matches its commitment under this manifest.
    pub fn admits(&self, share: &Share) -> bool {
        let expected = hex::encode(commitment(&self.digest(), share));
        self.custodian(share.index).is_some_and(|c| c.commitment.as_deref() == Some(&expected))
    }

    /// The custodian with an index, from 1.
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
            if self.epoch == 1 || self.drill_of.is_some() {
                return Err(ManifestError::Replaces);
            }
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
        // A challenge-response token is a secret that can be copied, so a quorum needs at least one other token.
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

/// SHA-256 over the label, the manifest's digest (32 bytes), the index (1 byte) and the share (16 bytes).
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
