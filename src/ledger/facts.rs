//! Whom and what a record is about: a vault, a user, their keys' ids.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::vault::file::Vault;
use crate::vault::names;

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

/// Which user. What is read of a ledger is shown, and stands in commands to be pasted: it has a target's own form.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Members")]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    name: String,
    partition: String,
    account: String,
    user: String,
}

impl TryFrom<Members> for TargetFacts {
    type Error = String;

    fn try_from(Members { name, partition, account, user }: Members) -> Result<Self, String> {
        names::user(&name, &partition, &account, &user)?;
        Ok(Self { name, partition, account, user })
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
