//! Ledgers of several machines read as one: by time, each in its own order; what does not hold of one is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::chain::Chain;
use super::damage::Damage;
use super::line::Link;
use super::file;
use super::record::Entry;
use super::shipped::Shipped;
use super::store::Ledger;
use crate::error::{Error, Result};

/// A ledger's file as it was found.
#[derive(Clone, Debug)]
pub struct LedgerFile {
    /// The file.
    pub path: PathBuf,
    /// Its records, up to the first that is bad; none where it could not be read.
    pub chain: Chain,
    /// What is wrong with it: it cannot be read, has a bad record, or another copy contradicts it.
    pub wrong: Option<Error>,
}

/// A record and the ledger that it stands in.
#[derive(Clone, Debug)]
pub struct MergedRecord {
    /// The ledger's id.
    pub ledger: String,
    /// The record.
    pub link: Link,
}

/// What several ledgers say together.
#[derive(Debug, Default)]
pub struct Merged {
    /// The ledgers.
    pub found: Vec<LedgerFile>,
    /// Every record, each once however many copies have it.
    pub records: Vec<MergedRecord>,
}

impl LedgerFile {
    fn at(path: &Path) -> Self {
        // Before the ledger, which may grow meanwhile.
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

fn missing(path: &Path) -> Error {
    Error::usage(format!("there is no ledger {}", path.display()))
        .next("correct the ledgers in the configuration, or fetch it")
}

/// One ledger's file up to the first bad record, which is beside it; where it need not be there, none is an empty one.
///
/// # Errors
/// When it cannot be read.
pub fn read_file(path: &Path, has_to_be: bool) -> Result<(Chain, Option<Damage>)> {
    match file::read(path, file::LONGEST_WAIT)? {
        Some(bytes) => Ok(Chain::up_to_damage(&bytes)),
        None if has_to_be => Err(missing(path)),
        None => Ok((Chain::default(), None)),
    }
}

/// Reads these ledgers. What is wrong with one stops none of the others, and what comes before it counts.
pub fn read_all(paths: &[PathBuf]) -> Merged {
    Merged::of(paths.iter().map(|path| LedgerFile::at(path)).collect())
}

/// Two copies of one ledger that differ where both have a record: one of them was changed.
fn compare(found: &mut [LedgerFile]) {
    for at in 1..found.len() {
        let (known, later) = found.split_at_mut(at);
        let one = &mut later[0];
        let differs = known.iter().filter(|known| known.chain.id() == one.chain.id()).find_map(|known| {
            let both = known.chain.links.iter().zip(&one.chain.links);
            let (_, own) = both.into_iter().find(|(known, own)| known.sha256 != own.sha256)?;
            Some((own.entry.seq, known.path.display()))
        });
        if let Some((seq, other)) = differs.filter(|_| one.wrong.is_none()) {
            let what =
                format!("the ledger {} differs from its copy {other} from record {seq}", one.path.display());
            let next = "verify both: breakglass ledger verify --ledger FILE --copy OTHER";
            one.wrong = Some(Error::damaged(what).next(next));
        }
    }
}

/// By time; within a ledger as it stands, whatever its clock did.
fn merge(found: &[LedgerFile]) -> Vec<MergedRecord> {
    let mut records: Vec<(jiff::Timestamp, MergedRecord)> = Vec::new();
    // A record's digest is over all before it: the same one is the same record.
    let mut seen = BTreeSet::new();
    for LedgerFile { chain, .. } in found {
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
    fn of(mut found: Vec<LedgerFile>) -> Self {
        compare(&mut found);
        Self { records: merge(&found), found }
    }

    /// What is wrong with any of them.
    pub fn wrong(&self) -> impl Iterator<Item = &Error> {
        self.found.iter().filter_map(|found| found.wrong.as_ref())
    }

    /// Their records alone.
    pub fn entries(&self) -> Vec<Entry> {
        self.records.iter().map(|of| of.link.entry.clone()).collect()
    }
}

impl Ledger {
    /// Every record of this ledger and of `others`, by time: as far as this machine sees. What is wrong with the others
    /// is beside it.
    ///
    /// # Errors
    /// When this ledger itself cannot be read, or its chain is broken.
    pub fn entries_with(&self, others: &[PathBuf]) -> Result<Merged> {
        let own = LedgerFile { path: self.path(), chain: self.chain()?, wrong: None };
        Ok(Merged::of(std::iter::once(own).chain(others.iter().map(|path| LedgerFile::at(path))).collect()))
    }
}
