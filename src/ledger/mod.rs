//! The ledger: append-only JSON Lines, each record chained to the one before by SHA-256 and fsynced.

mod chain;
mod copies;
mod course;
mod facts;
mod record;
mod standing;
mod unreviewed;
mod upkeep;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Access, FlockOperation, access, flock};

use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::vault::manifest::Lane;
use chain::Chain;

pub use chain::Head;
pub use copies::{Found, together};
pub use course::Course;
pub use facts::{Principals, TargetFacts, VaultFacts};
pub use record::{About, Entry, Record, Use};
pub use standing::{Last, Seen, Source, Standing, State, last};
pub use unreviewed::unreviewed;
pub use upkeep::{LastDrill, Proof, Session, Upkeep};

const FILE: &str = "ledger.jsonl";
/// Far more than a lifetime of emergencies.
const LARGEST: u64 = 64 * 1024 * 1024;

/// One writer's ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    directory: PathBuf,
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
        Self { directory: directory.into() }
    }

    /// Where the records are.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Adds a record that happened at `at`; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written, or the chain before it is broken.
    pub fn append(&self, at: Timestamp, record: Record) -> Result<()> {
        self.create_directory()?;
        let path = self.path();
        let existed = path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| cannot("open", &path, &e))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|e| cannot("lock", &path, &e.into()))?;
        let chain = Chain::parse(&text(&mut file, &path)?, &path)?;
        let line = chain.next_line(at, record)?;
        file.write_all(line.as_bytes()).map_err(|e| cannot("write", &path, &e))?;
        file.sync_all().map_err(|e| cannot("write", &path, &e))?;
        if !existed {
            self.sync_directory()?;
        }
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
        let entries = self.entries()?;
        Ok(entries.into_iter().rev().find_map(|entry| match entry.record {
            Record::Intent { session, vault, credentials_epoch, .. }
                if vault == facts.vault_id && credentials_epoch == facts.credentials_epoch =>
            {
                Some(session)
            }
            _ => None,
        }))
    }

    /// The sessions on this user's gate that nobody has closed, in their order.
    ///
    /// # Errors
    /// As [`Ledger::knows_session`].
    pub fn unclosed(&self, account: &str, user: &str) -> Result<Vec<Last>> {
        let mut all = standing::sessions(&self.entries()?);
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
        Ok(self.chain()?.entries)
    }

    fn chain(&self) -> Result<Chain> {
        let path = self.path();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Chain::parse(&[], &path),
            Err(e) => return Err(cannot("open", &path, &e)),
        };
        flock(&file, FlockOperation::LockShared).map_err(|e| cannot("lock", &path, &e.into()))?;
        Chain::parse(&text(&mut file, &path)?, &path)
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

fn text(file: &mut File, path: &Path) -> Result<Vec<u8>> {
    if file.metadata().map_err(|e| cannot("read", path, &e))?.len() > LARGEST {
        return Err(Error::damaged(format!("the ledger {} is larger than any ledger", path.display())));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| cannot("read", path, &e))?;
    Ok(bytes)
}

fn cannot(what: &str, path: &Path, why: &std::io::Error) -> Error {
    let exists = fs::symlink_metadata(path).is_ok();
    Error::failed(format!("cannot {what} the ledger {}: {why}", path.display())).next(if exists {
        "make it readable and writable for you, or point BREAKGLASS_STATE elsewhere"
    } else {
        "make its directory writable for you, or point BREAKGLASS_STATE elsewhere"
    })
}

#[cfg(test)]
mod tests;
