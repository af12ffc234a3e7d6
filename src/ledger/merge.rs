//! Reads the ledgers of several machines as one ledger, ordered by time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::chain::Chain;
use super::damage::Damage;
use super::file;
use super::line::{Link, ParsedLine};
use super::record::Entry;
use super::shipped::Shipped;
use super::store::Ledger;
use crate::error::{Error, Result};
use crate::shell;

/// The records of one ledger file, and the error that occurred while the file was read.
#[derive(Clone, Debug)]
pub struct LedgerFile {
    pub path: PathBuf,
    /// The records before the first bad record. If the file is not readable, there are no records.
    pub chain: Chain,
    /// The error if the file is not readable, has a bad record, or contradicts another copy of the ledger.
    pub wrong: Option<Error>,
}

/// A record, and the id of the ledger that contains it.
#[derive(Clone, Debug)]
pub struct MergedRecord {
    /// The id of the ledger.
    pub ledger: String,
    pub link: Link,
}

/// Several ledgers that were read as one ledger.
#[derive(Debug, Default)]
pub struct Merged {
    pub files: Vec<LedgerFile>,
    /// The records of all ledgers, ordered by time. A record that is in several copies is included only once.
    pub records: Vec<MergedRecord>,
}

impl LedgerFile {
    fn at(path: &Path) -> Self {
        // `shipped.json` is read before the ledger, because another process might append to the ledger between the two
        // reads.
        let shipped = Shipped::beside(path);
        let gone = || {
            let damage = shipped.as_ref().and_then(|shipped| shipped.check(&Chain::default()).err());
            damage.map_or_else(|| missing(path), |damage| damage.error(path))
        };
        let read = file::read(path, file::LONGEST_WAIT).and_then(|bytes| bytes.ok_or_else(gone));
        let (chain, wrong) = match read {
            Ok(bytes) => {
                let (chain, damage) = Chain::up_to_damage(&bytes);
                let damage = damage.or_else(|| shipped.as_ref()?.check(&chain).err());
                (chain, damage.map(|damage| damage.error(path)))
            }
            Err(error) => (Chain::default(), Some(error)),
        };
        Self { path: path.to_owned(), chain, wrong }
    }
}

impl LedgerFile {
    /// Returns a copy of a ledger. `place` names the source of the copy. Each line has its record's number. A copy is
    /// used even if the copy lacks some records.
    pub fn of_copy(place: &str, mut lines: Vec<(u64, Vec<u8>)>) -> Self {
        lines.sort();
        let parsed = |(seq, line): &(u64, Vec<u8>)| match ParsedLine::of(line) {
            ParsedLine::Record(entry) if entry.seq == *seq => Some(*entry),
            _ => None,
        };
        let records = lines.iter().enumerate().filter_map(|(index, of)| {
            let (entry, sha256) = (parsed(of)?, Sha256::digest(&of.1).into());
            Some(Link { entry, sha256, line: index + 1 })
        });
        let chain = Chain { links: records.collect(), torn: Vec::new() };
        let bytes: Vec<_> = lines.iter().flat_map(|(_, line)| [line.as_slice(), b"\n"].concat()).collect();
        let path = PathBuf::from(place);
        let wrong = Chain::up_to_damage(&bytes).1.map(|damage| damage.error(&path));
        Self { path, chain, wrong }
    }
}

fn missing(path: &Path) -> Error {
    Error::usage(format!("there is no ledger {}", path.display()))
        .next("check the path; if the path is from the configuration, correct \"ledgers\" there")
}

/// Reads one ledger file up to the first bad record. Returns the records before the bad record, and the damage. If
/// `must_exist` is false, a missing file counts as an empty ledger.
///
/// # Errors
/// Fails if the file is not readable.
pub fn read_file(path: &Path, must_exist: bool) -> Result<(Chain, Option<Damage>)> {
    match file::read(path, file::LONGEST_WAIT)? {
        Some(bytes) => Ok(Chain::up_to_damage(&bytes)),
        None if must_exist => Err(missing(path)),
        None => Ok((Chain::default(), None)),
    }
}

/// Reads several ledgers. An error in one ledger does not affect the other ledgers. If a ledger is damaged, the
/// records before its first bad record are included.
pub fn read_all(paths: &[PathBuf]) -> Merged {
    read_all_with(paths, Vec::new())
}

/// Reads several ledgers as [`read_all`] does. `copies` are ledger copies that were already read.
pub fn read_all_with(paths: &[PathBuf], copies: Vec<LedgerFile>) -> Merged {
    Merged::of(paths.iter().map(|path| LedgerFile::at(path)).chain(copies).collect())
}

/// Compares all copies of each ledger. If two copies differ in a record with the same number, one copy was changed.
fn compare(files: &mut [LedgerFile]) {
    for at in 1..files.len() {
        let (known, later) = files.split_at_mut(at);
        let one = &mut later[0];
        let differs = known.iter().filter(|known| known.chain.id() == one.chain.id()).find_map(|known| {
            let both = known.chain.links.iter().zip(&one.chain.links);
            let (_, ours) = both.into_iter().find(|(known, ours)| known.sha256 != ours.sha256)?;
            Some((ours.entry.seq, known.path.as_path()))
        });
        if let Some((seq, other)) = differs.filter(|_| one.wrong.is_none()) {
            let what = format!(
                "the ledger {} differs from its copy {} from record {seq} on",
                one.path.display(),
                other.display()
            );
            let next = format!(
                "verify both files: breakglass ledger verify --ledger {} --copy {}",
                shell::path(&one.path),
                shell::path(other)
            );
            one.wrong = Some(Error::damaged(what).next(next));
        }
    }
}

/// Returns the records of all files, ordered by time. The records of one ledger keep their order, even if the clock of
/// the ledger's machine was set back.
fn merge(files: &[LedgerFile]) -> Vec<MergedRecord> {
    let mut records: Vec<(jiff::Timestamp, MergedRecord)> = Vec::new();
    // The digest of a record depends on all earlier records, so two records with the same digest are the same record.
    let mut seen = BTreeSet::new();
    for LedgerFile { chain, .. } in files {
        let ledger = chain.id().unwrap_or_default();
        let mut latest = jiff::Timestamp::MIN;
        for link in &chain.links {
            latest = latest.max(link.entry.at);
            if seen.insert(link.sha256) {
                records.push((latest, MergedRecord { ledger: ledger.clone(), link: link.clone() }));
            }
        }
    }
    records.sort_by_key(|(at, _)| *at);
    records.into_iter().map(|(_, of)| of).collect()
}

impl Merged {
    fn of(mut files: Vec<LedgerFile>) -> Self {
        compare(&mut files);
        Self { records: merge(&files), files }
    }

    /// Returns the errors of all files.
    pub fn wrong(&self) -> impl Iterator<Item = &Error> {
        self.files.iter().filter_map(|file| file.wrong.as_ref())
    }

    /// Returns the records of all ledgers.
    pub fn entries(&self) -> Vec<Entry> {
        self.records.iter().map(|record| record.link.entry.clone()).collect()
    }
}

impl Ledger {
    /// Reads this ledger and `others` as one ledger. The result contains the errors of `others`.
    ///
    /// # Errors
    /// Fails if this ledger is not readable, or if its chain is broken.
    pub fn entries_with(&self, others: &[PathBuf]) -> Result<Merged> {
        self.entries_with_copies(others, Vec::new())
    }

    /// Reads this ledger and `others` as [`Ledger::entries_with`] does. `copies` are ledger copies that were already
    /// read.
    ///
    /// # Errors
    /// Fails if this ledger is not readable, or if its chain is broken.
    pub fn entries_with_copies(&self, others: &[PathBuf], copies: Vec<LedgerFile>) -> Result<Merged> {
        let ours = LedgerFile { path: self.path(), chain: self.chain()?, wrong: None };
        let others = others.iter().map(|path| LedgerFile::at(path));
        Ok(Merged::of(std::iter::once(ours).chain(others).chain(copies).collect()))
    }
}
