//! How much of the ledger was sent to its copy: a small file beside it, which also knows of a ledger that is gone.
//! Without it everything is sent once more, to the same keys.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::damage::Damage;
use super::file;

/// The file's name.
const FILE: &str = "shipped.json";

/// Far more than it ever has, in bytes.
const LARGEST: u64 = 16 * 1024;

/// How far the copy is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shipped {
    /// The bucket.
    pub bucket: String,
    /// What every object's key starts with.
    pub prefix: String,
    /// The ledger's id.
    pub ledger: String,
    /// How many records.
    pub sent: u64,
}

/// Returns the path beside a ledger file; none beside a copy under another name, which is not what was shipped.
fn beside(ledger: &Path) -> Option<PathBuf> {
    ledger.ends_with(file::NAME).then(|| ledger.with_file_name(FILE))
}

impl Shipped {
    /// Beside this ledger; none where the file does not say so.
    pub fn beside(ledger: &Path) -> Option<Self> {
        let text = file::small(&beside(ledger)?, LARGEST)?;
        serde_json::from_slice(&text).ok()
    }

    /// The ledger in this place is the one that was shipped, and has at least what was.
    ///
    /// # Errors
    /// What is missing, or is another's.
    pub fn check(&self, chain: &Chain) -> Result<(), Damage> {
        let Self { ledger, sent, .. } = self;
        let all = chain.links.len() as u64;
        match (chain.links.first(), chain.id()) {
            _ if *sent == 0 => Ok(()),
            (None, _) => {
                let what =
                    format!("ledger {ledger} was here, of which {sent} records were shipped, and is gone");
                Err(Damage::missing(0, what))
            }
            (Some(first), id) if id.as_ref() != Some(ledger) => {
                let what = format!("another ledger was here, {ledger}, of which {sent} records were shipped");
                Err(Damage::of(first, what))
            }
            _ if all < *sent => {
                let what =
                    format!("{sent} records were shipped, and there are only {all}: its end was cut off");
                Err(Damage::missing(all, what))
            }
            _ => Ok(()),
        }
    }

    /// Written under another name first: whole or not at all.
    ///
    /// # Errors
    /// In words.
    pub fn write(&self, ledger: &Path) -> Result<(), String> {
        let path = ledger.with_file_name(FILE);
        let temporary = path.with_file_name(format!(".{FILE}.{}", std::process::id()));
        let text = serde_json::to_vec(self).map_err(|e| e.to_string())?;
        let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, &path));
        written.map_err(|e| {
            let _ = std::fs::remove_file(&temporary);
            format!("{} cannot be written: {e}", path.display())
        })
    }
}
