//! Ledgers as they were found, of one machine or several: what holds of each is read, and what does not is said.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::chain::Head;
use super::record::Entry;
use super::{cannot, text};
use crate::error::Result;

/// A ledger's file as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Its records, up to the first that does not chain to the one before.
    pub entries: Vec<Entry>,
    /// The last of them.
    pub head: Head,
    /// Why there are no more, if its chain is broken.
    pub broken: Option<String>,
}

impl Found {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than any ledger.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| cannot("open", path, &e))?;
        Ok(Self::parse(path, &text(&mut file, path)?))
    }

    fn parse(path: &Path, bytes: &[u8]) -> Self {
        let head = Head { seq: 0, sha256: [0; 32] };
        let mut found = Self { path: path.to_owned(), entries: Vec::new(), head, broken: None };
        for (line, number) in bytes.split(|&b| b == b'\n').zip(1..) {
            // What was never finished is passed over, but only if the chain goes on without it.
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else { continue };
            if entry.v != 1 || entry.seq != found.head.seq || entry.prev != hex::encode(found.head.sha256) {
                found.broken = Some(format!("line {number} is not the one that followed"));
                break;
            }
            found.head = Head { seq: found.head.seq + 1, sha256: Sha256::digest(line).into() };
            found.entries.push(entry);
        }
        found
    }
}

/// All records in the order of their times, each once however many copies have it.
pub fn together(found: &[Found]) -> Vec<Entry> {
    let mut all: Vec<&Entry> = found.iter().flat_map(|one| &one.entries).collect();
    all.sort_by_key(|entry| (entry.at, entry.seq));
    let mut once: Vec<Entry> = Vec::new();
    for entry in all {
        let same = |other: &Entry| other.prev == entry.prev && other.record == entry.record;
        if !once.iter().rev().take_while(|other| other.at == entry.at).any(same) {
            once.push(entry.clone());
        }
    }
    once
}
