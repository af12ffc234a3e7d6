//! The earlier uses of a vault, as the ledgers show them before custodians are asked: whether the credentials are spent,
//! whether a later epoch was opened, and how old the ledger is.

use std::path::{Path, PathBuf};

use super::shipping::{CopyReading, copy_text};
use super::{last_session, sibling_vault};
use crate::error::{Error, Result};
use crate::ledger::{
    Chain, ClockTime, Entry, FoundUse, KnownVault, Ledger, LedgerFile, TargetState, TargetStatus, Uses,
    is_spent, last,
};
use crate::review;
use crate::shell;
use crate::terminal::{countable, warning};
use crate::time_text;
use crate::vault::file::Vault;
use crate::vault::manifest::{Manifest, TargetSummary};

/// The records that this machine can read, and the manifests that can check who signed them.
pub struct EarlierUses {
    path: PathBuf,
    entries: Vec<Entry>,
    /// The manifest of the vault, then the manifests of the other vaults in its directory.
    vaults: Vec<KnownVault>,
    /// The copies of ledgers in the bucket.
    copies: Vec<LedgerFile>,
    /// The rows about the ledgers in the text that custodians approve.
    rows: Vec<(&'static str, String)>,
}

impl EarlierUses {
    /// Reads this machine's ledger, the ledgers `others`, and the copies in the bucket.
    ///
    /// # Errors
    /// Fails if this machine's ledger is not readable, or its chain is broken.
    pub fn read(
        path: &Path,
        vault: &Vault,
        ledger: &Ledger,
        others: &[PathBuf],
        copy: Option<CopyReading>,
    ) -> Result<Self> {
        let chain = ledger.chain()?;
        let mut rows = vec![("ledger", ledger_text(&chain))];
        let copy = copy.map(CopyReading::finish);
        rows.extend(copy.as_ref().map(|copy| ("copy", copy_text(copy))));
        let copies = copy.and_then(Result::ok).map(|copy| copy.ledgers).unwrap_or_default();
        let seen = ledger.entries_with_copies(others, copies.clone())?;
        seen.wrong().for_each(warning);
        let entries = seen.entries();
        let other = last_session::other_ledger(path, &vault.manifest.vault_id, &chain, &entries);
        rows.extend(other.map(|other| ("OTHER", other)));
        let mut vaults = vec![KnownVault::in_use(vault.manifest.clone())];
        vaults.extend(sibling_vault::other_vaults(path, &vault.manifest));
        Ok(Self { path: path.to_owned(), entries, vaults, copies, rows })
    }

    /// Reads the ledgers again. The copies in the bucket are not read again.
    ///
    /// # Errors
    /// Fails if this machine's ledger is not readable, or its chain is broken.
    pub fn read_again(&self, ledger: &Ledger, others: &[PathBuf]) -> Result<Self> {
        let entries = ledger.entries_with_copies(others, self.copies.clone())?.entries();
        let (path, vaults) = (self.path.clone(), self.vaults.clone());
        Ok(Self { path, entries, vaults, copies: Vec::new(), rows: Vec::new() })
    }

    /// Returns the rows about the ledgers in the text that custodians approve.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        self.rows.clone()
    }

    pub fn into_vaults(self) -> Vec<KnownVault> {
        self.vaults
    }

    /// Refuses spent credentials: they were used and have not been rotated since.
    ///
    /// # Errors
    /// Fails if the credentials are spent.
    pub fn check_spent(&self) -> Result<()> {
        let FoundUse { counted, checked_with, .. } = self.uses().spent(self.manifest());
        counted.map_or(Ok(()), |by| Err(checked(is_spent(&by), checked_with.as_deref())))
    }

    /// Refuses this vault file if a later epoch of the vault was opened.
    ///
    /// # Errors
    /// Fails if a later epoch was opened.
    pub fn check_epoch(&self) -> Result<()> {
        let FoundUse { counted, checked_with, .. } = self.uses().later_epoch(self.manifest());
        let Some(latest) = counted else { return Ok(()) };
        let (path, epoch) = (self.path.display(), self.manifest().epoch);
        let error = Error::usage(format!(
            "{path} has epoch {epoch}, but a newer file of this vault, epoch {latest}, was opened before; nothing was \
             enabled"
        ))
        .next(
            "use the newer file; it might need the words and YubiKeys of a later enrolment; to open this file anyway, \
             pass --older-epoch \"reason\", which custodians sign",
        );
        Err(checked(error, checked_with.as_deref()))
    }

    /// Warns of records that do not count, of windows that may be open, and of sessions without a review.
    pub fn warn(&self, target: &TargetSummary) {
        let uses = self.uses();
        let FoundUse { mut unsigned, .. } = uses.spent(self.manifest());
        unsigned.extend(uses.later_epoch(self.manifest()).unsigned);
        // One record can be both a use of these credentials and an opening of a later epoch.
        unsigned.sort_by_key(|of| of.seq);
        unsigned.dedup();
        for of in &unsigned {
            warning(format_args!(
                "{}\n  next: find out who wrote it: breakglass ledger verify --vault {}",
                of.what(),
                self.path.display()
            ));
        }
        self.warn_of_open_windows(target);
        let vault = shell::path(&self.path);
        for session in review::unreviewed(&self.entries, self.manifest()) {
            warning(format_args!(
                "session {session} was never reviewed\n  next: breakglass review {session} --vault {vault} --sign"
            ));
        }
    }

    fn warn_of_open_windows(&self, target: &TargetSummary) {
        let lane = self.manifest().lane;
        let known = last(&self.entries);
        let last = known.iter().find(|last| last.is_of(&target.into(), lane));
        let status = TargetStatus::of(target.into(), lane, last, None, ClockTime::local());
        let (Some(session), Some(until)) = (status.session, status.until.map(time_text::local)) else {
            return;
        };
        match status.state {
            TargetState::Open => warning(format_args!(
                "the ledgers show that the window of session {session} may be open until {until}"
            )),
            TargetState::Unproven => warning(format_args!(
                "the ledgers do not show that session {session} was closed; its end, {until}, has passed by this \
                 machine's clock, which can be wrong"
            )),
            TargetState::Closed | TargetState::NotAtRest | TargetState::Unknown => {}
        }
    }

    fn manifest(&self) -> &Manifest {
        &self.vaults[0].manifest
    }

    fn uses(&self) -> Uses<'_> {
        Uses::of(&self.entries, &self.vaults)
    }
}

/// Names the file with whose keys the signatures of a use were checked. A person who can write files to the vault's
/// directory can put any keys into such a file, so the operator has to know it.
fn checked(error: Error, with: Option<&Path>) -> Error {
    match with {
        Some(path) => error.and(&format!("the signatures were checked with the keys in {}", path.display())),
        None => error,
    }
}

/// Describes the age of a ledger. A ledger without records shows no earlier use, so custodians see that it is new.
fn ledger_text(chain: &Chain) -> String {
    let (Some(first), Some(last)) = (chain.links.first(), chain.links.last()) else {
        return "NEW: this machine has no record of any earlier use".into();
    };
    let records = countable(chain.links.len(), "record", "records");
    format!("{records}, from {} to {}", time_text::date(first.entry.at), time_text::date(last.entry.at))
}
