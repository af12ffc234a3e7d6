//! The sources of a packet.

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::CloudTrailResult;
use crate::ledger::{Entry, Head};
use crate::vault::file::Vault;
use crate::vault::words;

/// The sources of a packet.
pub struct PacketSources<'a> {
    /// The records of all ledgers, by time.
    pub entries: &'a [Entry],
    /// The ledgers that the records are from.
    pub ledgers: Vec<LedgerFact>,
    /// The vault, for its public manifest.
    pub vault: Option<&'a Vault>,
    /// The result of the CloudTrail query; `None` if CloudTrail was not queried.
    pub trail: Option<&'a CloudTrailResult>,
    pub now: Timestamp,
}

/// A ledger that was read.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerFact {
    pub path: String,
    pub records: u64,
    /// SHA-256 of the last record, hex.
    pub sha256: String,
    /// The digest in words.
    pub words: String,
    /// The error of a ledger that is damaged or not readable.
    pub error: Option<String>,
}

impl LedgerFact {
    /// Returns the facts of a ledger with this head, and its error if it has one.
    pub fn of(path: String, head: Head, error: Option<String>) -> Self {
        let (sha256, words) = (hex::encode(head.sha256), words::of(&head.sha256));
        Self { path, records: head.seq, sha256, words, error }
    }
}
