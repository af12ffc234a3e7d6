//! The ledger of this machine: its path, its records, its head and its sessions.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::chain::{Chain, Head};
use super::file;
use super::known_vault::KnownVault;
use super::line::{Link, lines};
use super::record::{Entry, Record};
use super::shipped::Shipped;
use super::views::last_session::{LastSession, sessions};
use crate::error::Result;
use crate::gate::SessionId;
use crate::vault::manifest::Lane;

/// The ledger of this machine.
#[derive(Clone)]
pub struct Ledger {
    pub(super) directory: PathBuf,
    /// The function that is called after each appended record.
    pub(super) wake: Option<Arc<dyn Fn() + Send + Sync>>,
    /// The longest wait until another process releases its lock.
    pub(super) wait: Duration,
    /// The manifests with which approvals of earlier intents are checked.
    pub(super) vaults: Arc<[KnownVault]>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// A ledger's records, together with the bytes of its lines.
#[derive(Debug)]
pub struct RawLedger {
    /// The parsed records of the ledger.
    pub chain: Chain,
    bytes: Vec<u8>,
}

impl RawLedger {
    /// Returns each record together with the bytes of its line, without the newline.
    pub fn records(&self) -> impl Iterator<Item = (&Link, &[u8])> {
        let mut lines = lines(&self.bytes).enumerate();
        self.chain.links.iter().filter_map(move |link| {
            let (_, line) = lines.find(|(index, _)| index + 1 == link.line)?;
            Some((link, line))
        })
    }
}

impl Ledger {
    /// Returns the ledger in the default directory. The directory is the first of `$BREAKGLASS_STATE`,
    /// `$XDG_STATE_HOME/breakglass` and `$HOME/.local/state/breakglass` whose variable is set. If no variable is set,
    /// the directory is `/var/lib/breakglass`.
    pub fn at_default() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = set("BREAKGLASS_STATE")
            .or_else(|| set("XDG_STATE_HOME").map(|home| home.join("breakglass")))
            .or_else(|| set("HOME").map(|home| home.join(".local/state/breakglass")))
            .unwrap_or_else(|| "/var/lib/breakglass".into());
        Self::at(directory)
    }

    /// Returns the ledger in this directory. The directory need not exist yet.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), wake: None, wait: file::LONGEST_WAIT, vaults: Arc::default() }
    }

    /// Returns a handle that calls `wake` after each appended record. `wake` must return quickly.
    #[must_use]
    pub fn waking(self, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { wake: Some(Arc::new(wake)), ..self }
    }

    /// Returns a handle that waits only one second for the lock, for commands that must not be delayed.
    #[must_use]
    pub fn hurried(&self) -> Self {
        Self { wait: file::SHORT_WAIT, ..self.clone() }
    }

    /// Returns a handle that does not wait for the lock. A close uses a handle without a wait before its first call to
    /// AWS.
    #[must_use]
    pub fn impatient(&self) -> Self {
        Self { wait: Duration::ZERO, ..self.clone() }
    }

    /// Returns a handle that checks the approvals of earlier intents with these manifests.
    #[must_use]
    pub fn judged_by(self, vaults: impl Into<Arc<[KnownVault]>>) -> Self {
        Self { vaults: vaults.into(), ..self }
    }

    /// Returns the path of the ledger file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(file::NAME)
    }

    /// Returns whether this machine has a ledger, or had a ledger that was copied to a bucket, as `shipped.json` shows.
    pub fn is_there_or_missed(&self) -> bool {
        let path = self.path();
        path.symlink_metadata().is_ok() || Shipped::beside(&path).is_some()
    }

    /// Returns whether this ledger has the intent of the session. The intent shows that this machine opened the
    /// session.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn knows_session(&self, session: SessionId) -> Result<bool> {
        Ok(self.entries()?.iter().any(|entry| match &entry.record {
            Record::Intent { session: intended, .. } => *intended == session,
            _ => false,
        }))
    }

    /// Returns whether this ledger has the session's record `enabling`. Without the record `enabling`, this machine has
    /// not detached `AWSDenyAll` in the session.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn enabled_session(&self, session: SessionId) -> Result<bool> {
        Ok(self.entries()?.iter().any(|entry| match &entry.record {
            Record::Enabling { session: enabling } => *enabling == session,
            _ => false,
        }))
    }

    /// Returns the number of records and the digest of the last record.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn head(&self) -> Result<Head> {
        Ok(self.chain()?.head())
    }

    /// Returns the user's sessions in the lane `gate` that the ledger does not record as closed, in the order of their
    /// intents.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn unclosed(&self, account: &str, user: &str) -> Result<Vec<LastSession>> {
        let mut all = sessions(&self.entries()?);
        all.retain(|session| {
            !session.closed
                && session.lane == Lane::Gate
                && (session.target.account.as_str(), session.target.user.as_str()) == (account, user)
        });
        Ok(all)
    }

    /// Returns every record, in the order of the file. Returns no records if the file does not exist.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        Ok(self.chain()?.into_entries())
    }

    /// Returns every record with its digest. Returns no records if the file does not exist.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.raw()?.chain)
    }

    /// Returns every record with its digest and the bytes of its line.
    ///
    /// # Errors
    /// Fails if the ledger cannot be read, or if its chain is broken.
    pub fn raw(&self) -> Result<RawLedger> {
        let path = self.path();
        // `shipped.json` is read before the ledger, because another process might append to the ledger between the two
        // reads.
        let shipped = Shipped::beside(&path);
        let bytes = file::read(&path, self.wait)?.unwrap_or_default();
        let chain = Chain::parse(&bytes, &path)?;
        shipped.map_or(Ok(()), |shipped| shipped.check(&chain)).map_err(|damage| damage.error(&path))?;
        Ok(RawLedger { chain, bytes })
    }
}
