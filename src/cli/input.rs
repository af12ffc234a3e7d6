//! Reads files with a size limit. Errors contain the file's path.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::vault::file::{self, Vault};

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// Returns [`crate::error::Status::Usage`], with the file's path.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::usage(format!("cannot read {}: {e}", path.display()));
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(Error::usage(format!("{} is longer than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads a vault.
///
/// # Errors
/// Returns [`crate::error::Status::Damaged`], with the file's path, if the file is not a valid vault.
pub fn vault(path: &Path) -> Result<Vault> {
    Vault::parse(&read(path, file::MAX_BYTES)?)
        .map_err(|error| error.context(path.display()).or_another_copy())
}
