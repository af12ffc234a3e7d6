//! The hash chain: a line that was never finished is passed over, a changed one is not.

use std::path::Path;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::damage::{Damage, Neighbours};
use super::record::{Entry, Record};
use crate::custody::statement::LedgerHead;
use crate::error::Result;
use crate::vault::{canonical, words};

/// Where a ledger stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// How many records it has.
    pub seq: u64,
    /// SHA-256 of its last line; zeros when it has none.
    pub sha256: [u8; 32],
}

impl Head {
    /// As it is read aloud: six words.
    pub fn words(&self) -> String {
        words::of(&self.sha256)
    }
}

impl From<Head> for LedgerHead {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, sha256: hex::encode(head.sha256) }
    }
}

/// A record, where it stands, and what the next one chains to.
#[derive(Clone, Debug)]
pub struct Link {
    /// The record.
    pub entry: Entry,
    /// SHA-256 of its line, without the line's end.
    pub sha256: [u8; 32],
    /// Its line, counted from 1.
    pub line: usize,
}

/// A ledger file whose records chain.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Its records, in order.
    pub links: Vec<Link>,
    /// Lines that were never finished, counted from 1: no record chains to them.
    pub torn: Vec<usize>,
}

/// One line of the file, without its end.
pub(super) enum Piece {
    /// A record.
    Record(Box<Entry>),
    /// The machine stopped while it was written.
    Torn,
    /// Neither: it was changed.
    Neither,
}

impl Piece {
    /// A line is torn that begins as a record and ends before its JSON does, or in zeros that a file system put in
    /// place of what it never wrote. To cut a line short so hides no more than to cut it off: no record chains to it.
    pub(super) fn of(line: &[u8]) -> Self {
        if let Ok(entry) = serde_json::from_slice(line) {
            return Self::Record(Box::new(entry));
        }
        let end = line.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let written = &line[..end];
        let early = || serde_json::from_slice::<IgnoredAny>(written).is_err_and(|error| error.is_eof());
        let zeros = written.is_empty() && !line.is_empty();
        if zeros || written.starts_with(b"{") && early() { Self::Torn } else { Self::Neither }
    }
}

/// What stands between two records was never finished: its SHA-256, which the record after it names; none where nothing
/// does. A torn line that somebody put in is so found out.
pub(super) fn torn(between: &[u8]) -> Option<String> {
    (!between.is_empty()).then(|| hex::encode(Sha256::digest(between)))
}

/// The lines of a file, without their ends.
pub(super) fn lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// The same, each with the place of its first byte.
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
    /// Reads the lines.
    ///
    /// # Errors
    /// [`crate::error::Status::Damaged`], naming the first bad record.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::read(bytes).map_err(|damage| damage.error(path))
    }

    /// Reads the lines; what is wrong first.
    ///
    /// # Errors
    /// The first bad record.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let (chain, damage) = Self::up_to_damage(bytes);
        damage.map_or(Ok(chain), Err)
    }

    /// Reads the lines up to the first bad record, which is beside them.
    pub fn up_to_damage(bytes: &[u8]) -> (Self, Option<Damage>) {
        let mut chain = Self::default();
        let mut lines = places(bytes).enumerate().peekable();
        // Where the last record ended.
        let mut end = 0;
        while let Some((index, (start, line))) = lines.next() {
            let entry = match Piece::of(line) {
                Piece::Record(entry) => *entry,
                Piece::Torn => {
                    chain.torn.push(index + 1);
                    continue;
                }
                Piece::Neither => {
                    let due = chain.links.len() as u64;
                    return (chain, Some(Damage::no_record(index + 1, due, line)));
                }
            };
            let link = Link { entry, sha256: Sha256::digest(line).into(), line: index + 1 };
            let between = &bytes[end..start];
            if !chain.takes(&link) {
                let next = lines.peek().map(|(_, (_, line))| Piece::of(line));
                let damage = Damage::between(&Neighbours { before: &chain.links, link, next });
                return (chain, Some(damage));
            }
            // Without what was never finished it is whole as well: a copy has the records alone.
            if !between.is_empty() && link.entry.torn != torn(between) {
                let first = link.line - lines_in(between);
                return (chain, Some(Damage::no_torn_line(first, link.entry.seq)));
            }
            end = start + line.len() + 1;
            chain.links.push(link);
        }
        (chain, None)
    }

    fn takes(&self, link: &Link) -> bool {
        let Head { seq, sha256 } = self.head();
        let Entry { v, seq: own, prev, .. } = &link.entry;
        *v == 1 && *own == seq && is_hex_of(prev, &sha256)
    }

    /// Where it stands.
    pub fn head(&self) -> Head {
        self.head_before(self.links.len())
    }

    /// Where it stood before its record number `seq`.
    pub fn head_before(&self, seq: usize) -> Head {
        let last = seq.checked_sub(1).and_then(|last| self.links.get(last));
        Head { seq: seq as u64, sha256: last.map_or([0; 32], |link| link.sha256) }
    }

    /// The ledger's id: the first 16 hex digits of SHA-256 over its first record's line; none while it has none.
    pub fn id(&self) -> Option<String> {
        self.links.first().map(|first| hex::encode(&first.sha256[..8]))
    }

    /// Its records.
    pub fn into_entries(self) -> Vec<Entry> {
        self.links.into_iter().map(|link| link.entry).collect()
    }
}

/// Both are the same digest; `text` is lower-case hex.
pub(super) fn is_hex_of(text: &str, digest: &[u8; 32]) -> bool {
    let mut hex = [0; 64];
    hex::encode_to_slice(digest, &mut hex).is_ok() && text.as_bytes() == hex
}

/// The line of one more record, with its end; `torn` as [`torn`] has it.
pub(super) fn line(head: Head, torn: Option<String>, at: Timestamp, record: Record) -> Result<String> {
    let entry = Entry { v: 1, seq: head.seq, prev: hex::encode(head.sha256), torn, at, record };
    Ok(canonical::text(&entry)? + "\n")
}
