//! The ledger: append-only JSON Lines, each record chained to the one before by SHA-256 and fsynced.

mod chain;
mod damage;
mod facts;
mod file;
mod intent;
mod merge;
mod record;
mod shipped;
mod tail;
pub mod verify;
mod views;

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{Access, access};

use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::vault::manifest::Lane;
use file::{Lock, cannot};

pub use chain::{Chain, Head, Link};
pub use damage::Damage;
pub use facts::{Principals, VaultFacts};
pub use intent::Intent;
pub use merge::{LedgerFile, Merged, MergedRecord, read_all, read_file};
pub use record::{AlertTopic, Entry, Record, SharePurpose};
pub use shipped::Shipped;
pub use views::readiness::{CustodianProof, LastDrill, Readiness, SpentBy};
pub use views::session_outcome::SessionOutcome;
pub use views::target_status::{LastSession, Seen, StatusSource, TargetState, TargetStatus, last};

const FILE: &str = "ledger.jsonl";

/// One writer's ledger.
#[derive(Clone)]
pub struct Ledger {
    directory: PathBuf,
    /// Called after each record.
    wake: Option<Arc<dyn Fn() + Send + Sync>>,
    /// How long another process that holds it is waited for.
    wait: Duration,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A ledger with its lines, byte for byte.
#[derive(Debug)]
pub struct RawLedger {
    /// Its records.
    pub chain: Chain,
    bytes: Vec<u8>,
}

impl RawLedger {
    /// Each record with its line, without the line's end.
    pub fn records(&self) -> impl Iterator<Item = (&Link, &[u8])> {
        let mut lines = chain::lines(&self.bytes).enumerate();
        self.chain.links.iter().filter_map(move |link| {
            let (_, line) = lines.find(|(index, _)| index + 1 == link.line)?;
            Some((link, line))
        })
    }
}

impl Ledger {
    /// In `$BREAKGLASS_STATE`, else `$XDG_STATE_HOME/breakglass`, else `~/.local/state/breakglass`; where nobody
    /// is at home, `/var/lib/breakglass`.
    pub fn at_default() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = set("BREAKGLASS_STATE")
            .or_else(|| set("XDG_STATE_HOME").map(|home| home.join("breakglass")))
            .or_else(|| set("HOME").map(|home| home.join(".local/state/breakglass")))
            .unwrap_or_else(|| "/var/lib/breakglass".into());
        Self::at(directory)
    }

    /// In this directory, which need not exist yet.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), wake: None, wait: file::LONGEST_WAIT }
    }

    /// The same, which calls `wake` after each record that it has added; that must not take long.
    #[must_use]
    pub fn waking(self, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { wake: Some(Arc::new(wake)), ..self }
    }

    /// The same, for what must not be held up: another process that holds it is waited for a second.
    #[must_use]
    pub fn hurried(&self) -> Self {
        Self { wait: file::SHORT_WAIT, ..self.clone() }
    }

    /// Where the records are.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// There is one, or one that was shipped is gone.
    pub fn is_there_or_missed(&self) -> bool {
        let path = self.path();
        path.symlink_metadata().is_ok() || Shipped::beside(&path).is_some()
    }

    /// Adds a record that happened at `at`; it is on the disk when this returns. Only the last record before it is
    /// looked at: whoever damaged an earlier one keeps no later one from being recorded.
    ///
    /// # Errors
    /// When it cannot be written, or the last record before it cannot be read; nothing is left of it then.
    pub fn append(&self, at: Timestamp, record: Record) -> Result<()> {
        self.append_if(at, record, |_| Ok(()))
    }

    /// The same for an intent, unless its credentials are spent by now: of two that come at once, one goes on. A drill's
    /// never are, and a reason that the custodians signed excuses it.
    ///
    /// # Errors
    /// As [`Ledger::append`], or that somebody else has opened them.
    pub fn intend(&self, at: Timestamp, record: Record) -> Result<()> {
        let excused =
            record.intent().is_none_or(|intent| intent.again.is_some() || intent.drill_of.is_some());
        if excused {
            return self.append(at, record);
        }
        let path = self.path();
        let of = record.clone();
        self.append_if(at, record, |file| {
            let entries = Chain::parse(&file::all(file, &path)?, &path)?.into_entries();
            let own = of.intent();
            let has_opened = |entry: &Entry| {
                let (own, other) = (own?, entry.record.intent()?);
                own.has_credentials_of(&other).then_some(other.session)
            };
            entries.iter().rev().find_map(has_opened).map_or(Ok(()), |session| Err(is_spent(session)))
        })
    }

    /// `permitted` is asked while nobody else can write.
    fn append_if(
        &self,
        at: Timestamp,
        record: Record,
        permitted: impl FnOnce(&File) -> Result<()>,
    ) -> Result<()> {
        self.create_directory()?;
        let path = self.path();
        let file = file::locked(&path, Lock::Exclusive, self.wait, || {
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)
        })?;
        let length = file.metadata().map_err(|e| cannot("read", &path, &e))?.len();
        let tail = tail::read(&file, length).map_err(|e| cannot("read", &path, &e))?;
        let Some(tail) = tail else {
            // Says which, and why; it takes the lock itself.
            drop(file);
            self.chain()?;
            return Err(Error::damaged(format!(
                "the last line of the ledger {} is no record",
                path.display()
            )));
        };
        permitted(&file)?;
        let start = if tail.unfinished { "\n" } else { "" };
        let line = format!("{start}{}", chain::line(tail.head, tail.torn, at, record)?);
        add(&file, length, line.as_bytes()).map_err(|e| cannot("write", &path, &e))?;
        if length == 0 {
            self.sync_directory()?;
        }
        drop(file);
        self.wake.iter().for_each(|wake| wake());
        Ok(())
    }

    /// Whether it could take a record now: custodians are asked only if so.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn check(&self) -> Result<()> {
        self.create_directory()?;
        let path = self.path();
        match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(_) => self.entries().map(drop),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                self.entries()?;
                access(&self.directory, Access::WRITE_OK | Access::EXEC_OK)
                    .map_err(|e| cannot("create", &path, &e.into()))
            }
            Err(e) => Err(cannot("open", &path, &e)),
        }
    }

    /// This ledger intended the session: it is one's own.
    ///
    /// # Errors
    /// When it cannot be read, or its chain is broken.
    pub fn knows_session(&self, session: SessionId) -> Result<bool> {
        Ok(self.entries()?.iter().any(|entry| match &entry.record {
            Record::Intent { session: own, .. } => *own == session,
            _ => false,
        }))
    }

    /// Where it stands.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn head(&self) -> Result<Head> {
        Ok(self.chain()?.head())
    }

    /// The last session that opened these credentials, or meant to.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn spent(&self, facts: &VaultFacts) -> Result<Option<SessionId>> {
        Ok(spent(&self.entries()?, &facts.vault_id, facts.credentials_epoch))
    }

    /// The sessions on this user's gate that nobody has closed, in their order.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn unclosed(&self, account: &str, user: &str) -> Result<Vec<LastSession>> {
        let mut all = views::target_status::sessions(&self.entries()?);
        all.retain(|of| {
            !of.closed
                && of.lane == Lane::Gate
                && (of.target.account.as_str(), of.target.user.as_str()) == (account, user)
        });
        Ok(all)
    }

    /// Every record, in order; none when there is no file yet.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn entries(&self) -> Result<Vec<Entry>> {
        Ok(self.chain()?.into_entries())
    }

    /// Every record with its digest; none when there is no file yet.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.raw()?.chain)
    }

    /// The same with its lines.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn raw(&self) -> Result<RawLedger> {
        let path = self.path();
        // Before the ledger, which may grow meanwhile.
        let shipped = Shipped::beside(&path);
        let bytes = file::read(&path, self.wait)?.unwrap_or_default();
        let chain = Chain::parse(&bytes, &path)?;
        shipped.map_or(Ok(()), |shipped| shipped.check(&chain)).map_err(|damage| damage.error(&path))?;
        Ok(RawLedger { chain, bytes })
    }

    fn create_directory(&self) -> Result<()> {
        if self.directory.is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|e| cannot("create", &self.directory, &e))
    }

    /// A new file is on the disk only when its directory is.
    fn sync_directory(&self) -> Result<()> {
        let parents = [Some(self.directory.as_path()), self.directory.parent()];
        for directory in parents.into_iter().flatten().filter(|path| !path.as_os_str().is_empty()) {
            File::open(directory).and_then(|d| d.sync_all()).map_err(|e| cannot("write", directory, &e))?;
        }
        Ok(())
    }
}

/// All of the line and its fsync, or none of it: what was written of it is taken back.
fn add(mut file: &File, length: u64, line: &[u8]) -> std::io::Result<()> {
    let written = file.write_all(line).and_then(|()| file.sync_all());
    if written.is_err() {
        // Where even that fails, half a line has no end: it is passed over.
        let _ = file.set_len(length).and_then(|()| file.sync_all());
    }
    written
}

/// These credentials were opened by that session.
pub fn is_spent(session: SessionId) -> Error {
    let what = format!("these credentials are spent: session {session} has opened them; nothing was enabled");
    Error::failed(what).next(
        "rotate them and seal anew; to open them once more now, say --again WHY, which the custodians sign",
    )
}

/// The last session that opened these credentials, or meant to; drills apart, whose vaults have ids of their own.
pub fn spent(entries: &[Entry], vault: &str, credentials_epoch: u64) -> Option<SessionId> {
    entries.iter().rev().find_map(|entry| match &entry.record {
        Record::Intent { session, vault: of, credentials_epoch: epoch, .. }
            if of == vault && *epoch == credentials_epoch =>
        {
            Some(*session)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
