//! The records and what they say; nothing secret.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gate::SessionId;
use crate::vault::file::Vault;
use crate::vault::manifest::Lane;

/// Which vault file.
#[derive(Clone, Debug)]
pub struct VaultFacts {
    /// Where it is, as it was given.
    pub path: PathBuf,
    /// Its id.
    pub vault_id: String,
    /// Its label.
    pub label: String,
    /// Its epoch.
    pub epoch: u64,
    /// The epoch of its credentials.
    pub credentials_epoch: u64,
    /// SHA-256 of its binary form.
    pub sha256: [u8; 32],
}

impl VaultFacts {
    /// Of a vault that was read from `path`.
    pub fn of(vault: &Vault, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            vault_id: vault.manifest.vault_id.clone(),
            label: vault.manifest.label.clone(),
            epoch: vault.manifest.epoch.into(),
            credentials_epoch: vault.manifest.credentials_epoch.into(),
            sha256: vault.sha256,
        }
    }
}

/// Which user.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFacts {
    /// The target's name in the vault.
    pub name: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// The IAM user.
    pub user: String,
}

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Record {
    /// Before the first write to AWS: the session is one's own from here.
    Intent {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: String,
        /// The vault's epoch.
        epoch: u64,
        /// The epoch of its credentials.
        credentials_epoch: u64,
        /// SHA-256 of the vault, hex.
        sha256: String,
        /// How the window is made.
        lane: Lane,
        /// The user.
        target: TargetFacts,
        /// The window's length in seconds.
        window: u64,
        /// Why.
        reason: String,
        /// Why once more, after an opening before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<String>,
    },
    /// When it will end, whatever happens: fixed before the first write to AWS.
    Ends {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// AWS let the key in.
    Opened {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// Access is shut.
    Closed {
        /// The session.
        session: SessionId,
        /// By the probe, or only by reading back.
        probed: bool,
        /// Why it ended.
        cause: String,
    },
}

/// One line of the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    /// The format: 1.
    pub v: u8,
    /// Counted from 0.
    pub seq: u64,
    /// SHA-256 of the line before, hex; zeros for the first.
    pub prev: String,
    /// When, by the best clock at hand.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub record: Record,
}
