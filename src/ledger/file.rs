//! Opens, locks and reads the ledger file. Only one process writes at a time. The wait for the lock and the size of
//! the file have limits.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// The name of a ledger file.
pub(super) const NAME: &str = "ledger.jsonl";

/// The maximum size of a ledger that is read, in bytes. The ledger of a real vault is much smaller.
const LARGEST: u64 = 512 * 1024 * 1024;
/// The longest wait until another process releases its lock of the ledger.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait for the ledger's lock in a command that must not be delayed.
pub(super) const SHORT_WAIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);

/// The kind of a lock: shared for reading, exclusive for appending.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Lock {
    Shared,
    Exclusive,
}

/// Opens and locks the file at `path`. If another file was moved to `path` during the wait for the lock, opens and
/// locks the new file.
pub(super) fn locked(
    path: &Path,
    how: Lock,
    wait: Duration,
    open: impl Fn() -> std::io::Result<File>,
) -> Result<File> {
    let until = Instant::now() + wait;
    loop {
        let file = open().map_err(|e| cannot("open", path, &e))?;
        lock(&file, path, how, (wait, until))?;
        let same = |there: fs::Metadata| {
            file.metadata().is_ok_and(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        if fs::metadata(path).is_ok_and(same) || Instant::now() > until {
            return Ok(file);
        }
    }
}

fn lock(file: &File, path: &Path, how: Lock, (wait, until): (Duration, Instant)) -> Result<()> {
    let operation = match how {
        Lock::Shared => FlockOperation::NonBlockingLockShared,
        Lock::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => {
                let seconds = wait.as_secs();
                let what =
                    format!("the ledger {} was locked by another process for {seconds} s", path.display());
                return Err(Error::failed(what)
                    .next("find the process with fuser, or set BREAKGLASS_STATE to another directory"));
            }
            // If the file system does not support locks, the file can safely be read without a lock.
            Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) if how == Lock::Shared => return Ok(()),
            Err(e) => return Err(cannot("lock", path, &e.into())),
        }
    }
}

/// Reads the file at `path`. Returns `None` if the file does not exist.
pub(super) fn read(path: &Path, wait: Duration) -> Result<Option<Vec<u8>>> {
    // With the flag `NONBLOCK`, opening does not block if `path` is a named pipe.
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let open = || OpenOptions::new().read(true).custom_flags(nonblock).open(path);
    match open() {
        // A symbolic link whose target is missing must not count as an empty ledger. For example, the target can be on
        // a disk that is not mounted.
        Err(e) if e.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => return Ok(None),
        Err(e) => return Err(cannot("open", path, &e)),
        Ok(file) if !file.metadata().is_ok_and(|metadata| metadata.is_file()) => {
            return Err(Error::usage(format!("{} is not a file", path.display())).next("name a ledger file"));
        }
        Ok(_) => {}
    }
    all(&locked(path, Lock::Shared, wait, open)?, path).map(Some)
}

/// Reads a file of at most `longest` bytes. Returns `None` if the file does not exist, is longer, or is not readable.
pub(super) fn small(path: &Path, longest: u64) -> Option<Vec<u8>> {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).ok()?;
    let metadata = file.metadata().ok().filter(|of| of.is_file() && of.len() <= longest)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.take(longest).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads an open, locked file from start to end.
pub(super) fn all(mut file: &File, path: &Path) -> Result<Vec<u8>> {
    let length = file.metadata().map_err(|e| cannot("read", path, &e))?.len();
    if length > LARGEST {
        return Err(Error::damaged(format!("the ledger {} is too large (limit 512 MiB)", path.display())));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
    file.seek(SeekFrom::Start(0)).map_err(|e| cannot("read", path, &e))?;
    file.read_to_end(&mut bytes).map_err(|e| cannot("read", path, &e))?;
    Ok(bytes)
}

/// Returns the error for a failed system call. The advice after `next:` depends on the reason for the failure.
pub(super) fn cannot(what: &str, path: &Path, why: &std::io::Error) -> Error {
    let next = if matches!(why.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        "free space on the ledger's disk, or set BREAKGLASS_STATE to another directory"
    } else if fs::symlink_metadata(path).is_ok() {
        "make this path readable and writable for this user, or set BREAKGLASS_STATE to another directory"
    } else {
        "make the parent directory writable for this user, or set BREAKGLASS_STATE to another directory"
    };
    Error::failed(format!("cannot {what} the ledger {}: {why}", path.display())).next(next)
}
