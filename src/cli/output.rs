//! Files that a command writes: whole or not at all, and never over another.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, CWD, RenameFlags, access, renameat_with};

use crate::error::{Error, Result};
use crate::vault::random;

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a path where something already is, or where nothing can be.
///
/// # Errors
/// [`crate::error::Status::Usage`].
pub fn must_be_new(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    access(directory_of(path), Access::WRITE_OK | Access::EXEC_OK).map_err(|e| {
        Error::usage(format!("cannot write {}: {e}", path.display()))
            .next("name a file in a directory that takes it")
    })
}

/// Writes a new file: under another name first, synced, then renamed into place.
///
/// # Errors
/// When something is there already or the system refuses; nothing is left then.
pub fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    create_proven(path, bytes, |_| Ok(()))
}

/// The same for a file that gets its name only once `prove` has found it good on the disk.
///
/// # Errors
/// As [`create`], or what `prove` says; nothing is left then.
pub fn create_proven<T>(path: &Path, bytes: &[u8], prove: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let temporary = Temporary(beside(path));
    write(&temporary.0, bytes).map_err(|e| cannot_write(path, &e))?;
    let proven = prove(&temporary.0)?;
    put_in_place(&temporary.0, path)?;
    Ok(proven)
}

/// A file that goes when this does, also in a panic.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Without `renameat2`, file systems still know how not to overwrite: a hard link.
fn put_in_place(temporary: &Path, path: &Path) -> Result<()> {
    let placed = renameat_with(CWD, temporary, CWD, path, RenameFlags::NOREPLACE)
        .map_err(std::io::Error::from)
        .or_else(|e| if unsupported(&e) { fs::hard_link(temporary, path) } else { Err(e) });
    match placed {
        Ok(()) => sync_directory(path),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(e) => Err(cannot_write(path, &e)),
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("cannot write {}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(directory_of(path))
        .and_then(|directory| directory.sync_all())
        .map_err(|e| Error::failed(format!("cannot make sure that {} is on disk: {e}", path.display())))
}

fn unsupported(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(22 | 38 | 95))
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", random::hex::<6>()))
}

fn exists(path: &Path) -> Error {
    Error::usage(format!("{} exists; it is never overwritten", path.display()))
        .next("choose another name, or move that file away")
}
