//! Appends records to a ledger. Only one process writes at a time. Each record is fsynced.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use jiff::Timestamp;
use rustix::fs::{Access, access};

use super::chain::{self, Chain};
use super::file::{self, Lock, cannot};
use super::record::{Entry, Record, SharePurpose};
use super::spent::{SpentBy, Uses, is_spent};
use super::store::Ledger;
use super::tail;
use crate::error::{Error, Result};

/// The largest size of one session's records, in bytes: the approvals and shares of sixteen custodians, the
/// acknowledgements of sixteen alert channels, and the records of the window.
const ROOM: usize = 128 * 1024;

impl Ledger {
    /// Appends the record of an event at the time `at`. When this function returns, the record is on the disk. Only
    /// the last record is read, so damage to an earlier record does not prevent appending.
    ///
    /// # Errors
    /// Fails if the record cannot be written, or if the last record cannot be read. After an error, the file is
    /// unchanged.
    pub fn append(&self, at: Timestamp, record: Record) -> Result<()> {
        self.append_if(at, record, |_| Ok(()))
    }

    /// Appends an intent if the vault's credentials are not spent. If two processes try to append an intent for the
    /// same credentials at the same time, exactly one process succeeds. Two kinds of intents are always appended: the
    /// intent of a drill, and an intent with a reason to use spent credentials again.
    ///
    /// # Errors
    /// Fails if [`Ledger::append`] fails, or if another session has spent the credentials: the ledger has an intent of
    /// that session that counts (see [`Uses::counts`]).
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
            let ours = of.intent();
            let uses = Uses::of(&entries, &self.vaults);
            let has_opened = |entry: &Entry| {
                let (ours, other) = (ours?, entry.record.intent()?);
                let session = Some(other.session);
                let spent = ours.has_credentials_of(&other) && uses.counts(&other);
                spent.then_some(SpentBy { session, at: entry.at, purpose: SharePurpose::Open })
            };
            entries.iter().rev().find_map(has_opened).map_or(Ok(()), |by| Err(is_spent(&by)))
        })
    }

    /// Appends the record if `permitted` returns `Ok`. `permitted` is called while the file is locked.
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
            // The last record is bad. To name the first bad record in the error, `chain` reads the complete chain.
            // `chain` locks the file, so this function first releases its own lock.
            drop(file);
            self.chain()?;
            return Err(Error::damaged(format!(
                "the last line of the ledger {} is not a record",
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

    /// Checks that the ledger accepts a new record, and that the disk has enough space for the records of a session.
    /// The opening checks the ledger before the program asks custodians.
    ///
    /// # Errors
    /// Fails if [`Ledger::append`] would fail.
    pub fn check(&self) -> Result<()> {
        self.create_directory()?;
        self.check_appendable()?;
        self.check_room()
    }

    fn check_appendable(&self) -> Result<()> {
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

    /// Writes a temporary file that is as large as the records of a session, and deletes the file. Does nothing if no
    /// file can be created in the directory, because an existing ledger can still be appended to.
    fn check_room(&self) -> Result<()> {
        let path = self.directory.join(format!(".room-{}", std::process::id()));
        let Ok(mut file) = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) else {
            return Ok(());
        };
        let written = file.write_all(&vec![0; ROOM]).and_then(|()| file.sync_all());
        std::fs::remove_file(&path).map_err(|e| cannot("delete", &path, &e))?;
        written.map_err(|e| {
            let error = cannot("write", &self.path(), &e);
            error.next("free some space on the disk of the ledger, then open again; nothing was enabled")
        })
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

    /// Fsyncs the ledger's directory and the parent directory. A new file is durable only if its directory entry is
    /// durable.
    fn sync_directory(&self) -> Result<()> {
        let parents = [Some(self.directory.as_path()), self.directory.parent()];
        for directory in parents.into_iter().flatten().filter(|path| !path.as_os_str().is_empty()) {
            File::open(directory).and_then(|d| d.sync_all()).map_err(|e| cannot("write", directory, &e))?;
        }
        Ok(())
    }
}

/// Writes and fsyncs the line. If the line cannot be written, truncates the file to its previous length.
fn add(mut file: &File, length: u64, line: &[u8]) -> std::io::Result<()> {
    let written = file.write_all(line).and_then(|()| file.sync_all());
    if written.is_err() {
        // If the file cannot be truncated, a partial line without a newline stays in the file. Readers skip a partial
        // line.
        let _ = file.set_len(length).and_then(|()| file.sync_all());
    }
    written
}
