//! The vault file that a record is about, and the access keys that a session uses.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::vault::file::Vault;

/// The vault file that a record is about.
#[derive(Clone, Debug)]
pub struct VaultFacts {
    /// The path of the file, exactly as given on the command line.
    pub path: PathBuf,
    pub vault_id: String,
    pub label: String,
    pub epoch: u64,
    pub credentials_epoch: u64,
    /// SHA-256 of the vault file in binary form. An armored vault file is first converted to binary form.
    pub sha256: [u8; 32],
}

impl VaultFacts {
    /// Returns the facts about a vault that was read from `path`.
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

/// The access key ids and the role by which a person can find the session's calls in CloudTrail. Access key ids and
/// role ARNs are not secret.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Principals {
    /// The emergency user's access key id.
    pub emergency: String,
    /// The opener's access key id. Only the lane `gate` has an opener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opener: Option<String>,
    /// The closer's access key id. Only the lane `gate` has a closer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closer: Option<String>,
    /// The ARN of the role that the user assumes. Only the lane `static` has a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}
