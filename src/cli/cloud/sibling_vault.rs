//! Finds other vaults in the directory of a vault. A vault of the lane `static` can be opened while IAM's control plane
//! is down. The manifests of other vaults are needed to check approvals in the ledgers.

use std::path::{Path, PathBuf};

use crate::cli::input;
use crate::ledger::KnownVault;
use crate::vault::file::Vault;
use crate::vault::manifest::{Lane, Manifest};

/// The maximum number of files that are read.
const LIMIT: usize = 100;

/// Searches the directory of `vault` for vaults of the lane `static` that have a target in `account`. Returns the
/// first such vault in the order of file names.
pub fn static_vault(vault: &Path, account: &str) -> Option<PathBuf> {
    let fits = |manifest: &Manifest| {
        manifest.lane == Lane::Static
            && manifest.drill_of.is_none()
            && manifest.targets.iter().any(|target| target.account == account)
    };
    siblings(vault).find(|(_, found)| fits(&found.manifest)).map(|(path, _)| path)
}

/// Returns the manifests of the other vaults in the directory of `vault`. `of` is the manifest of `vault`.
pub fn other_vaults(vault: &Path, of: &Manifest) -> Vec<KnownVault> {
    let is_other = |(_, found): &(PathBuf, Vault)| found.manifest != *of;
    siblings(vault).filter(is_other).map(|(path, found)| KnownVault::other(path, found)).collect()
}

/// Reads the vaults in the directory of `vault`, in the order of file names.
fn siblings(vault: &Path) -> impl Iterator<Item = (PathBuf, Vault)> {
    let directory = vault.parent().unwrap_or(Path::new("")).to_owned();
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
    let files = std::fs::read_dir(listed).into_iter().flatten().flatten();
    let files = files.map(|entry| directory.join(entry.file_name()));
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "age")).collect();
    files.sort();
    // Only regular files are read, because reading a named pipe would never end.
    files.retain(|path| path.is_file());
    files
        .into_iter()
        .take(LIMIT)
        .filter_map(|path| Some((input::vault(&path).ok()?, path)))
        .map(|(of, path)| (path, of))
}
