//! The vaults whose manifests can check who signed a record.

use std::path::{Path, PathBuf};

use super::intent::Intent;
use crate::vault::file::Vault;
use crate::vault::manifest::Manifest;

/// A vault whose manifest can check who signed a record.
#[derive(Clone, Debug)]
pub struct KnownVault {
    pub manifest: Manifest,
    /// The file, if it is not the vault that is in use.
    file: Option<OtherFile>,
}

#[derive(Clone, Debug)]
struct OtherFile {
    path: PathBuf,
    /// SHA-256 of the file in binary form, in hex.
    sha256: String,
}

impl KnownVault {
    /// Returns the vault that is in use. The keys of its custodians check every use of the vault, also a use of another
    /// epoch.
    pub fn in_use(manifest: Manifest) -> Self {
        Self { manifest, file: None }
    }

    /// Returns another vault. Its manifest checks only the uses of exactly this file.
    pub fn other(path: PathBuf, vault: Vault) -> Self {
        let sha256 = hex::encode(vault.sha256);
        Self { manifest: vault.manifest, file: Some(OtherFile { path, sha256 }) }
    }

    /// Returns the path of the file, if it is not the vault that is in use.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// Returns whether this manifest is allowed to check who approved the intent.
    pub(super) fn can_check(&self, intent: &Intent<'_>) -> bool {
        let Manifest { vault_id, epoch, credentials_epoch, .. } = &self.manifest;
        let epochs = (u64::from(*epoch), u64::from(*credentials_epoch));
        vault_id == intent.vault
            && self.is_in_use_or(|sha256| {
                sha256 == intent.sha256 && epochs == (intent.epoch, intent.credentials_epoch)
            })
    }

    /// Returns whether this vault is in use, or `fits` returns true for the SHA-256 of the other file.
    pub(super) fn is_in_use_or(&self, fits: impl FnOnce(&str) -> bool) -> bool {
        self.file.as_ref().is_none_or(|file| fits(&file.sha256))
    }
}
