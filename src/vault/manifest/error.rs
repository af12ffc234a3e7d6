//! Why a manifest is not valid.

use std::fmt;

use super::{MAX_CHANNELS, MAX_TARGETS, MAX_TOKENS};
use crate::error::Error;
use crate::vault::canonical::JsonError;
use crate::vault::names::NameError;

/// Why bytes are not a manifest (class `damaged` at `parse`).
#[derive(Debug)]
pub enum ManifestError {
    /// Not canonical JSON of a manifest.
    Json(JsonError),
    /// Another version.
    Version(u8),
    /// A name, number or key that is not valid.
    Name(NameError),
    /// More than [`MAX_CHANNELS`] alert channels.
    ChannelCount,
    /// `drill_of` is the vault's own ID.
    DrillOfItself,
    /// A drill vault with more than one target.
    DrillTargets,
    /// A drill vault, or a vault of the first epoch, that replaces another vault.
    Replaces,
    /// An epoch of 0, or more epochs of credentials than of vaults.
    Epochs,
    /// A threshold above the number of custodians, or too many custodians.
    Quorum {
        /// The threshold.
        threshold: u8,
        /// The number of custodians.
        custodians: usize,
    },
    /// The custodians' indexes are not 1, 2, 3 …
    Indexes,
    /// No target, or more than [`MAX_TARGETS`].
    TargetCount,
    /// A target of the lane `static` without MFA.
    StaticWithoutMfa(String),
    /// A custodian without a token, or with more than [`MAX_TOKENS`].
    TokenCount {
        /// The custodian's name.
        custodian: String,
        /// The number of tokens.
        count: usize,
    },
    /// Both keys of a token are in one slot.
    SharedSlot,
    /// Both keys of a token have the same challenge.
    SharedChallenge,
    /// The OTP application has no such slot.
    OtpSlot(u8),
    /// A challenge-response token with an attestation, which such tokens cannot have. Has the serial number.
    AttestedChallenge(u32),
    /// A quorum of custodians have only challenge-response tokens.
    OnlyChallenge,
    /// The summary of a target's grant is not in the form of a summary.
    Grant(String),
    /// A target that repairs identities without MFA: such a session cannot call IAM.
    RepairsWithoutMfa(String),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(why) => write!(f, "it {why}"),
            Self::Version(version) => write!(f, "its version is {version}; this program reads version 1"),
            Self::Name(why) => why.fmt(f),
            Self::ChannelCount => write!(f, "there are more than {MAX_CHANNELS} alert channels"),
            Self::SharedChallenge => f.write_str("both keys of a token have the same challenge"),
            Self::OtpSlot(slot) => write!(f, "a challenge-response token has the slot {slot}, not 1 or 2"),
            Self::AttestedChallenge(serial) => {
                write!(f, "YubiKey {serial} is a challenge-response token, and those cannot be attested")
            }
            Self::OnlyChallenge => f.write_str(
                "as many custodians as are needed to open have only challenge-response tokens, which can be copied",
            ),
            Self::Grant(name) => write!(f, "{name}: the summary of its grant is not valid"),
            Self::RepairsWithoutMfa(name) => {
                write!(f, "{name}: it repairs identities without MFA, but AWS refuses IAM calls without MFA")
            }
            Self::DrillOfItself => f.write_str("it is a drill of itself"),
            Self::DrillTargets => f.write_str("a drill vault has exactly one target"),
            Self::Replaces => f.write_str("a drill vault, or a vault of epoch 1, replaces no vault"),
            Self::Epochs => f.write_str("its epochs do not count from 1"),
            Self::Quorum { threshold, custodians } => {
                write!(f, "{threshold} of {custodians} custodians is not a valid quorum")
            }
            Self::Indexes => f.write_str("its custodians' indexes are not 1, 2, 3 and so on"),
            Self::TargetCount => write!(f, "a vault has 1 to {MAX_TARGETS} targets"),
            Self::StaticWithoutMfa(target) => write!(f, "{target}: a target of the lane static needs MFA"),
            Self::TokenCount { custodian, count } => {
                write!(f, "{custodian} has {count} tokens; 1 to {MAX_TOKENS} are allowed")
            }
            Self::SharedSlot => f.write_str("both keys of a token are in the same slot"),
        }
    }
}

impl std::error::Error for ManifestError {}

impl From<NameError> for ManifestError {
    fn from(why: NameError) -> Self {
        Self::Name(why)
    }
}

impl From<ManifestError> for Error {
    fn from(why: ManifestError) -> Self {
        Self::damaged(match why {
            ManifestError::Json(why) => format!("the manifest {why}"),
            why => format!("the manifest is not valid: {why}"),
        })
    }
}
