//! The sources from which a review packet is made.

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::CloudTrailResult;
use crate::ledger::{Entry, Head};
use crate::review::command::ReviewCommand;
use crate::vault::file::Vault;
use crate::vault::words;

/// The sources from which a review packet is made.
pub struct PacketSources<'a> {
    /// The records of all ledgers, in order of time.
    pub entries: &'a [Entry],
    /// The ledgers from which the records were read.
    pub ledgers: Vec<LedgerFact>,
    /// The vault that the reviewer gave. Only the vault's public manifest is used.
    pub vault: Option<&'a Vault>,
    /// The result of the CloudTrail query, or `None` if CloudTrail was not queried.
    pub trail: Option<&'a CloudTrailResult>,
    pub now: Timestamp,
    /// The options with which the reviewer ran `review`.
    pub command: ReviewCommand,
}

/// A ledger that was read.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerFact {
    pub path: String,
    pub records: u64,
    /// SHA-256 of the ledger's last record, in hex.
    pub sha256: String,
    /// The SHA-256 digest as six words.
    pub words: String,
    /// The error, if the ledger is damaged or cannot be read.
    pub error: Option<String>,
}

impl LedgerFact {
    /// Returns the facts about one ledger. `error` is the error of a damaged or unreadable ledger.
    pub fn of(path: String, head: Head, error: Option<String>) -> Self {
        let (sha256, words) = (hex::encode(head.sha256), words::of(&head.sha256));
        Self { path, records: head.seq, sha256, words, error }
    }
}
