//! The hash chain of a ledger's records. A torn line, left by an interrupted write, is skipped. A changed line is an
//! error.

use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::damage::{Damage, Neighbours};
use super::line::{Link, ParsedLine, is_hex_of, lines, torn};
use super::record::{Entry, Record};
use crate::custody::statement::LedgerHead;
use crate::error::Result;
use crate::vault::{canonical, words};

/// The head of a ledger: the number of records, and the digest of the last record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// The number of records in the ledger.
    pub seq: u64,
    /// SHA-256 of the last record's line. In an empty ledger, all bytes of the digest are zero.
    pub sha256: [u8; 32],
}

impl Head {
    /// Returns the digest as six words, which a person can read aloud.
    pub fn words(&self) -> String {
        words::of(&self.sha256)
    }
}

impl From<Head> for LedgerHead {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, sha256: hex::encode(head.sha256) }
    }
}

/// The records of a ledger file. Each record contains the digest of the previous record.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The records, in the order of the file.
    pub links: Vec<Link>,
    /// The line numbers of the torn lines, counted from 1.
    pub torn: Vec<usize>,
}

/// Returns each line of the file with the byte offset of the line.
fn places(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    lines(bytes).scan(0, |next, line| {
        let start = *next;
        *next += line.len() + 1;
        Some((start, line))
    })
}

fn lines_in(between: &[u8]) -> usize {
    lines(between).count()
}

impl Chain {
    /// Parses a ledger file. The error message names `path`.
    ///
    /// # Errors
    /// `Damaged`. The message names the first bad record.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::read(bytes).map_err(|damage| damage.error(path))
    }

    /// Parses a ledger file.
    ///
    /// # Errors
    /// [`Damage`], which describes the first bad record.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let (chain, damage) = Self::up_to_damage(bytes);
        damage.map_or(Ok(chain), Err)
    }

    /// Parses a ledger file up to the first bad record. Returns the records before the bad record, and the damage.
    pub fn up_to_damage(bytes: &[u8]) -> (Self, Option<Damage>) {
        let mut chain = Self::default();
        let mut lines = places(bytes).enumerate().peekable();
        // The offset of the first byte after the last record.
        let mut end = 0;
        while let Some((index, (start, line))) = lines.next() {
            let entry = match ParsedLine::of(line) {
                ParsedLine::Record(entry) => *entry,
                ParsedLine::Torn => {
                    chain.torn.push(index + 1);
                    continue;
                }
                ParsedLine::Invalid => {
                    let due = chain.links.len() as u64;
                    return (chain, Some(Damage::invalid_line(index + 1, due, line)));
                }
            };
            let link = Link { entry, sha256: Sha256::digest(line).into(), line: index + 1 };
            let between = &bytes[end..start];
            if !chain.continues_with(&link) {
                let next = lines.peek().map(|(_, (_, line))| ParsedLine::of(line));
                let damage = Damage::between(&Neighbours { before: &chain.links, link, next });
                return (chain, Some(damage));
            }
            // A copy of the ledger contains the records but no torn lines, so the chain must also be valid without torn
            // lines.
            if !between.is_empty() && link.entry.torn != torn(between) {
                let first = link.line - lines_in(between);
                return (chain, Some(Damage::inserted_torn_line(first, link.entry.seq)));
            }
            end = start + line.len() + 1;
            chain.links.push(link);
        }
        (chain, None)
    }

    fn continues_with(&self, link: &Link) -> bool {
        let Head { seq, sha256 } = self.head();
        let Entry { v, seq: number, prev, .. } = &link.entry;
        *v == 1 && *number == seq && is_hex_of(prev, &sha256)
    }

    /// Returns the head of the complete chain.
    pub fn head(&self) -> Head {
        self.head_before(self.links.len())
    }

    /// Returns the head of the ledger's first `seq` records.
    pub fn head_before(&self, seq: usize) -> Head {
        let last = seq.checked_sub(1).and_then(|last| self.links.get(last));
        Head { seq: seq as u64, sha256: last.map_or([0; 32], |link| link.sha256) }
    }

    /// Returns the ledger's id: the first 16 hex digits of the SHA-256 of the first record's line. `None` if there is
    /// no record.
    pub fn id(&self) -> Option<String> {
        self.links.first().map(|first| hex::encode(&first.sha256[..8]))
    }

    /// Returns the records without their digests.
    pub fn into_entries(self) -> Vec<Entry> {
        self.links.into_iter().map(|link| link.entry).collect()
    }
}

/// Returns the line of the next record, with a newline. `torn` is the result of [`torn()`] for the lines between the
/// last record and this record.
pub(super) fn line(head: Head, torn: Option<String>, at: Timestamp, record: Record) -> Result<String> {
    let entry = Entry { v: 1, seq: head.seq, prev: hex::encode(head.sha256), torn, at, record };
    Ok(canonical::text(&entry)? + "\n")
}
