//! The file `shipped.json` in the ledger's directory. The file has the number of records that were copied to the
//! bucket, and therefore reveals a missing ledger. If `shipped.json` is lost, all records are sent again, under the
//! same object keys.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::damage::Damage;
use super::file;

/// The name of the file that records how much of the ledger was copied to the bucket.
const FILE: &str = "shipped.json";

/// The maximum size of `shipped.json`, in bytes. The file is much smaller than this limit.
const LARGEST: u64 = 16 * 1024;

/// The state of a ledger's copy in the bucket.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    pub bucket: String,
    /// The prefix of each object key in the bucket.
    pub prefix: String,
    /// The id of the ledger that was copied.
    pub ledger: String,
    /// The number of records that were sent to the bucket.
    pub sent: u64,
}

/// Returns the path of `shipped.json` in the ledger's directory. Returns `None` if the ledger file is not named
/// `ledger.jsonl`, because only a file with this name is copied to a bucket.
fn beside(ledger: &Path) -> Option<PathBuf> {
    ledger.ends_with(file::NAME).then(|| ledger.with_file_name(FILE))
}

impl Shipped {
    /// Reads `shipped.json` in the ledger's directory. Returns `None` if `shipped.json` does not exist or is not valid.
    pub fn beside(ledger: &Path) -> Option<Self> {
        let text = file::small(&beside(ledger)?, LARGEST)?;
        serde_json::from_slice(&text).ok()
    }

    /// Checks that `chain` is the ledger that was copied to the bucket, and that `chain` still has all copied records.
    ///
    /// # Errors
    /// [`Damage`], which describes the first record that is missing or belongs to another ledger.
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

    /// Writes `shipped.json` under a temporary name and then renames it, so that `shipped.json` is never incomplete.
    ///
    /// # Errors
    /// Fails if the file cannot be written. The error is a message with the file's path.
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
