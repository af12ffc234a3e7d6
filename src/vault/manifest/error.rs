//! The reasons why a manifest is not valid.

use std::fmt;

use super::{MAX_CHANNELS, MAX_TARGETS, MAX_TOKENS};
use crate::error::Error;
use crate::vault::canonical::JsonError;
use crate::vault::names::NameError;

/// The reason why bytes are not a valid manifest. In vault-format.md, this failure is `damaged` at `parse`.
#[derive(Debug)]
pub enum ManifestError {
    /// The bytes are not the canonical JSON of a manifest.
    Json(JsonError),
    /// The manifest's format version is this number, which the program does not support.
    Version(u8),
    /// A name, number or key is not valid.
    Name(NameError),
    /// The manifest has more than [`MAX_CHANNELS`] alert channels.
    ChannelCount,
    /// The field `drill_of` is the `vault_id` of the same vault.
    DrillOfItself,
    /// A drill vault has more than one target.
    DrillTargets,
    /// The field `replaces` is wrong. The field must be null in a drill vault and in a vault of epoch 1. In every other
    /// vault, the field must be a digest.
    Replaces,
    /// An epoch is 0, or `credentials_epoch` is above `epoch`.
    Epochs,
    /// The threshold is above the number of custodians, or there are too many custodians.
    Quorum {
        /// The threshold.
        threshold: u8,
        /// The number of custodians.
        custodians: usize,
    },
    /// The custodians' indexes are not 1, 2, 3 …
    Indexes,
    /// The manifest has no target, or more than [`MAX_TARGETS`].
    TargetCount,
    /// The target with this name is in the lane `static`, but has no MFA.
    StaticWithoutMfa(String),
    /// A custodian has no token, or more than [`MAX_TOKENS`].
    TokenCount {
        /// The custodian's name.
        custodian: String,
        /// The number of tokens.
        count: usize,
    },
    /// Both keys of a token are in the same slot.
    SharedSlot,
    /// Both keys of a token have the same challenge.
    SharedChallenge,
    /// A challenge-response token names this slot, but the OTP application has only the slots 1 and 2.
    OtpSlot(u8),
    /// The challenge-response token with this serial number is marked as attested, but such tokens cannot be
    /// attested.
    AttestedChallenge(u32),
    /// The custodians who have only challenge-response tokens are enough for a quorum.
    OnlyChallenge,
    /// The summary of the grant is not in the accepted form, for the target with this name.
    Grant(String),
    /// The grant of the target with this name is allowed to change IAM users, roles or policies, but the target has no
    /// MFA. AWS refuses IAM calls of sessions without MFA.
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
            Self::OnlyChallenge => {
                f.write_str("a quorum of custodians have only challenge-response tokens, which can be copied")
            }
            Self::Grant(name) => write!(f, "{name}: the summary of its grant is not valid"),
            Self::RepairsWithoutMfa(name) => {
                write!(f, "{name}: it repairs identities without MFA, but AWS refuses IAM calls without MFA")
            }
            Self::DrillOfItself => f.write_str("the vault claims to be a drill of itself"),
            Self::DrillTargets => f.write_str("a drill vault has exactly one target"),
            Self::Replaces => f.write_str(
                "a vault replaces another vault if and only if its epoch is above 1 and it is not a drill vault",
            ),
            Self::Epochs => f.write_str("an epoch is 0, or credentials_epoch is greater than epoch"),
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
