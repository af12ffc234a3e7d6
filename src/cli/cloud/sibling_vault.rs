//! Finds a vault of the lane `static` in the directory of another vault. A vault of the lane `static` can be opened
//! while IAM's control plane is down.

use std::path::{Path, PathBuf};

use crate::cli::input;
use crate::vault::manifest::Lane;

/// The maximum number of files that are read.
const LIMIT: usize = 100;

/// Searches the directory of `vault` for vaults of the lane `static` that have a target in `account`. Returns the
/// first such vault in the order of file names.
pub fn static_vault(vault: &Path, account: &str) -> Option<PathBuf> {
    let directory = vault.parent().unwrap_or(Path::new(""));
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let files = std::fs::read_dir(listed).ok()?.flatten().map(|entry| directory.join(entry.file_name()));
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "age")).collect();
    files.sort();
    // Only regular files are read, because reading a named pipe would never end.
    files.retain(|path| path.is_file());
    let fits = |path: &PathBuf| {
        input::vault(path).is_ok_and(|found| {
            let manifest = &found.manifest;
            manifest.lane == Lane::Static
                && manifest.drill_of.is_none()
                && manifest.targets.iter().any(|target| target.account == account)
        })
    };
    files.into_iter().take(LIMIT).find(fits)
}
