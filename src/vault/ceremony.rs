//! Seals a vault, and proves that every quorum can open the file that was written. This code does no I/O: the caller
//! writes and reads the file.

use sha2::{Digest as _, Sha256};

use super::file::{self, Sealed, Vault};
use super::manifest::Manifest;
use super::payload::Payload;
use super::quorum::{self, KEY};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// A sealed vault that is not on disk yet, and the payload that it must contain.
pub struct Prepared<'a> {
    sealed: Sealed,
    payload: &'a Payload,
}

impl<'a> Prepared<'a> {
    /// Checks the manifest with the checks that a reader of the vault makes, then seals the vault.
    ///
    /// # Errors
    /// Returns [`crate::error::Status::Usage`] if a reader would refuse the manifest.
    pub fn new(manifest: &Manifest, payload: &'a Payload) -> Result<Self> {
        let mut committed = manifest.clone();
        committed.custodians.iter_mut().for_each(|c| c.commitment = Some("0".repeat(64)));
        Manifest::parse(&committed.to_bytes()).map_err(Error::usage)?;
        Ok(Self { sealed: file::seal(manifest, payload)?, payload })
    }

    /// Returns the bytes of the vault file: the armored form if `armored` is true, else the binary form.
    pub fn bytes(&self, armored: bool) -> Vec<u8> {
        if armored { file::armor(&self.sealed.binary) } else { self.sealed.binary.clone() }
    }

    /// Proves that `vault` is the sealed vault, and that every quorum can open it. The caller has read `vault` back
    /// from the disk.
    ///
    /// # Errors
    /// Returns [`crate::error::Status::Failed`] if `vault` differs from the sealed vault. If `vault` cannot be opened,
    /// the function returns the error of [`Vault::open`].
    pub fn prove(&self, vault: &Vault) -> Result<()> {
        let wrong =
            |what: &str| Error::failed(format!("the new vault failed its check and was deleted: {what}"));
        if vault.sha256 != <[u8; 32]>::from(Sha256::digest(&self.sealed.binary)) {
            return Err(wrong("the bytes that were read back differ from the bytes that were written"));
        }
        if !self.sealed.shares.iter().all(|share| vault.manifest.admits(share)) {
            return Err(wrong("a share does not match its commitment"));
        }
        let mut key: Option<Secret<KEY>> = None;
        for subset in quorum::subsets(&self.sealed.shares, vault.manifest.threshold) {
            let rebuilt = quorum::combine(&subset);
            match &key {
                Some(key) if key.expose() == rebuilt.expose() => {}
                Some(_) => return Err(wrong("two quorums rebuild different keys")),
                None => {
                    let opened = vault.open(&subset)?;
                    if opened.to_sealed().expose() != self.payload.to_sealed().expose() {
                        return Err(wrong("the opened payload differs from the sealed one"));
                    }
                    key = Some(rebuilt);
                }
            }
        }
        Ok(())
    }
}
