//! A small file in the ledger's directory with the state of the copy; it also reveals that a ledger is missing.
//! Without it, all records are sent again, to the same keys.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::damage::Damage;
use super::file;

/// The name of the file.
const FILE: &str = "shipped.json";

/// The largest file that is read, in bytes; far more than it needs.
const LARGEST: u64 = 16 * 1024;

/// The state of the copy in the bucket.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    pub bucket: String,
    /// The prefix of each key in the bucket.
    pub prefix: String,
    /// The id of the ledger.
    pub ledger: String,
    /// The number of records sent.
    pub sent: u64,
}

/// Returns the path in the ledger's directory; none for a copy under another name, which was not shipped.
fn beside(ledger: &Path) -> Option<PathBuf> {
    ledger.ends_with(file::NAME).then(|| ledger.with_file_name(FILE))
}

impl Shipped {
    /// Reads the file in the directory of this ledger; none if there is none, or it is not valid.
    pub fn beside(ledger: &Path) -> Option<Self> {
        let text = file::small(&beside(ledger)?, LARGEST)?;
        serde_json::from_slice(&text).ok()
    }

    /// Checks that the ledger is the one that was shipped, and has at least the records that were.
    ///
    /// # Errors
    /// The first record that is missing, or belongs to another ledger.
    pub fn check(&self, chain: &Chain) -> Result<(), Damage> {
        let Self { ledger, sent, .. } = self;
        let all = chain.links.len() as u64;
        match (chain.links.first(), chain.id()) {
            _ if *sent == 0 => Ok(()),
            (None, _) => {
                let what = format!("ledger {ledger} is gone: {sent} of its records were shipped from here");
                Err(Damage::missing(0, what))
            }
            (Some(first), id) if id.as_ref() != Some(ledger) => {
                let what = format!(
                    "this is another ledger: {sent} records of ledger {ledger} were shipped from here"
                );
                Err(Damage::of(first, what))
            }
            _ if all < *sent => {
                let what =
                    format!("{sent} records were shipped, but only {all} are here: its end was cut off");
                Err(Damage::missing(all, what))
            }
            _ => Ok(()),
        }
    }

    /// Writes the file under a temporary name and renames it, so that it is never partial.
    ///
    /// # Errors
    /// A message that names the file.
    pub fn write(&self, ledger: &Path) -> Result<(), String> {
        let path = ledger.with_file_name(FILE);
        let temporary = path.with_file_name(format!(".{FILE}.{}", std::process::id()));
        let text = serde_json::to_vec(self).map_err(|e| e.to_string())?;
        let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &path));
        written.map_err(|e| {
            let _ = std::fs::remove_file(&temporary);
            format!("cannot write {}: {e}", path.display())
        })
    }
}
