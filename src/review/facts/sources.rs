//! What a packet is made from.

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::CloudTrailResult;
use crate::ledger::{Entry, Head};
use crate::vault::file::Vault;
use crate::vault::words;

/// What a packet is made of.
pub struct PacketSources<'a> {
    /// The records of all ledgers at hand, in the order of their times.
    pub entries: &'a [Entry],
    /// Where they are from.
    pub ledgers: Vec<LedgerFact>,
    /// The vault, for its public manifest.
    pub vault: Option<&'a Vault>,
    /// What CloudTrail said, where it was asked.
    pub trail: Option<&'a CloudTrailResult>,
    /// Now.
    pub now: Timestamp,
}

/// A ledger that was read.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerFact {
    /// The file.
    pub path: String,
    /// How many records it has.
    pub records: u64,
    /// SHA-256 of its last record, hex.
    pub sha256: String,
    /// The first words of that.
    pub words: String,
    /// What is wrong with its chain; nothing where it holds.
    pub broken: Option<String>,
}

impl LedgerFact {
    /// Of a ledger whose chain holds, or not.
    pub fn of(path: String, head: Head, broken: Option<String>) -> Self {
        let (sha256, words) = (hex::encode(head.sha256), words::of(&head.sha256));
        Self { path, records: head.seq, sha256, words, broken }
    }
}
