//! The small file `shipped.json` in the ledger's directory, with the state of the copy in the bucket. It also reveals
//! that a ledger is missing. Without the file, all records are sent again, to the same keys.

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

/// Returns the file's path in the ledger's directory. `None` for a ledger under another name, which is not copied to a
/// bucket.
fn beside(ledger: &Path) -> Option<PathBuf> {
    ledger.ends_with(file::NAME).then(|| ledger.with_file_name(FILE))
}

impl Shipped {
    /// Reads the file in the directory of this ledger. `None` if the file does not exist or is not valid.
    pub fn beside(ledger: &Path) -> Option<Self> {
        let text = file::small(&beside(ledger)?, LARGEST)?;
        serde_json::from_slice(&text).ok()
    }

    /// Checks that this ledger was copied to the bucket, and still has all records that were copied.
    ///
    /// # Errors
    /// The first record that is missing or belongs to another ledger.
    pub fn check(&self, chain: &Chain) -> Result<(), Damage> {
        let Self { ledger, sent, .. } = self;
        let all = chain.links.len() as u64;
        match (chain.links.first(), chain.id()) {
            _ if *sent == 0 => Ok(()),
            (None, _) => {
                let what =
                    format!("ledger {ledger} is gone: {sent} of its records were shipped to the bucket");
                Err(Damage::missing(0, what))
            }
            (Some(first), id) if id.as_ref() != Some(ledger) => {
                let what = format!(
                    "this is another ledger: {sent} records of ledger {ledger} were shipped to the bucket"
                );
                Err(Damage::of(first, what))
            }
            _ if all < *sent => {
                let what = format!(
                    "{sent} records were shipped, but only {all} are here: the ledger's end was cut off"
                );
                Err(Damage::missing(all, what))
            }
            _ => Ok(()),
        }
    }

    /// Writes the file under a temporary name and renames it, so that it is never partial.
    ///
    /// # Errors
    /// If the file cannot be written; the message has its path.
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
