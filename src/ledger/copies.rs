//! Ledgers as they were found, of one machine or several: what holds of each is read, and what does not is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::chain::{Head, Piece, lines};
use super::file;
use super::record::Entry;
use crate::error::{Error, Result};
use crate::vault::canonical;

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
        match file::read(path)? {
            Some(bytes) => Ok(Self::parse(path, &bytes)),
            None => Err(Error::usage(format!("there is no ledger {}", path.display()))),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Self {
        let head = Head { seq: 0, sha256: [0; 32] };
        let mut found = Self { path: path.to_owned(), entries: Vec::new(), head, broken: None };
        for (line, number) in lines(bytes).zip(1..) {
            let entry = match Piece::of(line) {
                Piece::Record(entry) => *entry,
                Piece::Torn => continue,
                Piece::Neither => {
                    found.broken = Some(format!("line {number} is no record"));
                    break;
                }
            };
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

/// All records, each once however many copies have it: each ledger in its own order, between ledgers by their times.
pub fn together(found: &[Found]) -> Vec<Entry> {
    let mut rest: Vec<&[Entry]> = found.iter().map(|one| one.entries.as_slice()).collect();
    let mut all: Vec<Entry> = Vec::new();
    // A chain is one machine's: the same link is the same record.
    let mut seen = BTreeSet::new();
    while let Some(next) = rest.iter_mut().filter(|one| !one.is_empty()).min_by_key(|one| one[0].at) {
        let (first, others) = (&next[0], &next[1..]);
        if seen.insert((first.seq, first.prev.clone(), canonical::digest(first))) {
            all.push(first.clone());
        }
        *next = others;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::SessionId;
    use crate::ledger::Record;

    fn found(name: u8, clocks: &[&str]) -> Found {
        let entries = clocks.iter().zip(0..).map(|(clock, seq)| Entry {
            v: 1,
            seq,
            prev: String::new(),
            at: format!("2026-11-22T{clock}Z").parse().expect("an instant"),
            record: Record::Closed {
                session: SessionId::from_bytes([name; 8]),
                probed: true,
                cause: String::new(),
            },
        });
        let head = Head { seq: 0, sha256: [0; 32] };
        Found { path: PathBuf::new(), entries: entries.collect(), head, broken: None }
    }

    #[test]
    fn a_line_that_is_no_record_ends_what_is_read_and_a_torn_one_does_not() {
        let broken = |text: &str| Found::parse(Path::new("ledger.jsonl"), text.as_bytes()).broken;
        assert_eq!(broken("{\"at\":\"2026\n"), None);
        assert_eq!(broken("no record\n"), Some("line 1 is no record".into()));
    }

    #[test]
    fn each_ledger_keeps_its_order_whatever_its_clock_says() {
        let fast = found(1, &["02:22:00", "02:17:00", "02:29:00"]);
        let other = found(2, &["02:10:00", "02:23:00"]);
        let all = together(&[fast.clone(), other.clone(), fast, other]);
        let clocks: Vec<_> = all.iter().map(|entry| entry.at.strftime("%H:%M").to_string()).collect();
        assert_eq!(clocks, ["02:10", "02:22", "02:17", "02:23", "02:29"]);
    }
}
