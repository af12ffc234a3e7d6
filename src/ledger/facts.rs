//! What a record is about: a vault, and the ids of the keys that were used.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::vault::file::Vault;

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

/// Whose calls AWS will show: access key ids, nothing secret.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Principals {
    /// The emergency user's.
    pub emergency: String,
    /// The opener's, in the lane `gate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opener: Option<String>,
    /// The closer's, in the lane `gate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closer: Option<String>,
    /// The role that is assumed in the lane `static`; its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}
