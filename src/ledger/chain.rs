//! The hash chain: a line that was never finished is passed over, a changed one is not.

use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::record::{Entry, Record};
use crate::custody::statement::LedgerHead;
use crate::error::{Error, Result};
use crate::vault::canonical;

/// Where a ledger stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// How many records it has.
    pub seq: u64,
    /// SHA-256 of its last line; zeros when it has none.
    pub sha256: [u8; 32],
}

impl From<Head> for LedgerHead {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, sha256: hex::encode(head.sha256) }
    }
}

/// What a ledger file says.
pub(super) struct Chain {
    pub(super) entries: Vec<Entry>,
    head: String,
    /// The last line has no end: the machine stopped while it was written.
    torn: bool,
}

impl Chain {
    /// Reads the lines. What cannot be parsed is passed over as torn, but only if the chain goes on without it.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let mut chain = Self { entries: Vec::new(), head: "0".repeat(64), torn: false };
        for (index, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
            chain.torn = !line.ends_with(b"\n");
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
                continue;
            };
            if entry.v != 1 || entry.prev != chain.head || entry.seq != chain.entries.len() as u64 {
                return Err(Error::damaged(format!(
                    "the ledger {} does not chain at line {}: a record before it was changed or taken out",
                    path.display(),
                    index + 1
                ))
                .next("keep the file as evidence and move it away; closing works without it"));
            }
            chain.head = hex::encode(Sha256::digest(line));
            chain.entries.push(entry);
        }
        Ok(chain)
    }

    pub(super) fn head(&self) -> Head {
        let mut sha256 = [0; 32];
        // Made by `hex::encode` here, or zeros.
        let _ = hex::decode_to_slice(&self.head, &mut sha256);
        Head { seq: self.entries.len() as u64, sha256 }
    }

    /// The text to append for one more record.
    pub(super) fn next_line(&self, at: Timestamp, record: Record) -> Result<String> {
        let entry = Entry { v: 1, seq: self.entries.len() as u64, prev: self.head.clone(), at, record };
        let start = if self.torn { "\n" } else { "" };
        Ok(format!("{start}{}\n", canonical::text(&entry)?))
    }
}
