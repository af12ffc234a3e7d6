//! The ledgers of several machines read as one: by time, each in its own order.

use std::path::{Path, PathBuf};

use super::chain::{Chain, Head, Link};
use super::record::Entry;
use super::{Ledger, file};
use crate::error::{Error, Result};

/// A record and the ledger that it stands in.
#[derive(Clone, Debug)]
pub struct Of {
    /// The ledger's id.
    pub ledger: String,
    /// The record.
    pub link: Link,
}

/// What several ledgers say together.
#[derive(Debug, Default)]
pub struct Merged {
    /// Every record.
    pub records: Vec<Of>,
    /// Ledgers that could not be read, or that contradict another one.
    pub failed: Vec<Error>,
}

/// Reads these ledgers. One that is missing or damaged is named and stops none of the others.
pub fn read_all(paths: &[PathBuf]) -> Merged {
    let mut chains = Vec::new();
    let mut failed = Vec::new();
    for path in paths {
        match read(path) {
            Ok(chain) => add(&mut chains, &mut failed, path, chain),
            Err(error) => failed.push(error),
        }
    }
    Merged { records: merge(chains), failed }
}

fn read(path: &Path) -> Result<Chain> {
    read_file(path, true)
}

/// One ledger's file; where it need not be there, none is an empty one.
///
/// # Errors
/// When it cannot be read, or its chain is broken.
pub fn read_file(path: &Path, has_to_be: bool) -> Result<Chain> {
    match file::read(path)? {
        Some(bytes) => Chain::parse(&bytes, path),
        None if !has_to_be => Ok(Chain::default()),
        None => Err(Error::usage(format!("there is no ledger {}", path.display()))
            .next("correct the ledgers in the configuration, or fetch it")),
    }
}

/// Two copies of one ledger count once; if they differ where both have a record, one of them was changed.
fn add(chains: &mut Vec<Chain>, failed: &mut Vec<Error>, path: &Path, chain: Chain) {
    let Some(known) = chains.iter_mut().find(|known| known.id() == chain.id()) else {
        chains.push(chain);
        return;
    };
    let both = known.links.iter().zip(&chain.links);
    if let Some((_, other)) = both.into_iter().find(|(own, other)| own.sha256 != other.sha256) {
        let what = format!(
            "the ledger {} differs from its other copy from record {}",
            path.display(),
            other.entry.seq
        );
        failed.push(
            Error::damaged(what).next("verify both: breakglass ledger verify --ledger FILE --copy OTHER"),
        );
    }
    if chain.links.len() > known.links.len() {
        *known = chain;
    }
}

/// By time; within a ledger as it stands, whatever its clock did.
fn merge(chains: Vec<Chain>) -> Vec<Of> {
    let mut records: Vec<(jiff::Timestamp, Of)> = Vec::new();
    for chain in chains {
        let ledger = chain.id().unwrap_or_default();
        let mut latest = jiff::Timestamp::MIN;
        for link in chain.links {
            latest = latest.max(link.entry.at);
            records.push((latest, Of { ledger: ledger.clone(), link }));
        }
    }
    records.sort_by_key(|(at, _)| *at);
    records.into_iter().map(|(_, of)| of).collect()
}

impl Merged {
    /// Their records alone.
    pub fn entries(&self) -> Vec<Entry> {
        self.records.iter().map(|of| of.link.entry.clone()).collect()
    }
}

impl Ledger {
    /// Every record of this ledger and of `others`, by time: as far as this machine sees. What could not be read of
    /// the others is beside it.
    ///
    /// # Errors
    /// When this ledger itself cannot be read, or its chain is broken.
    pub fn entries_with(&self, others: &[PathBuf]) -> Result<Merged> {
        let own = self.chain()?;
        let mut failed = Vec::new();
        let mut chains = vec![own];
        chains.retain(|chain| chain.head() != Head { seq: 0, sha256: [0; 32] });
        for path in others {
            match read(path) {
                Ok(chain) => add(&mut chains, &mut failed, path, chain),
                Err(error) => failed.push(error),
            }
        }
        Ok(Merged { records: merge(chains), failed })
    }
}
