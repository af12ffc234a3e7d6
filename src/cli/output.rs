//! Writes files atomically, and never overwrites an existing file.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, CWD, RenameFlags, access, renameat_with};

use crate::error::{Error, Result};
use crate::vault::random;

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a path that exists or cannot be written.
///
/// # Errors
/// Returns [`crate::error::Status::Usage`] if the path exists or cannot be written.
pub fn must_be_new(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    access(directory_of(path), Access::WRITE_OK | Access::EXEC_OK).map_err(|e| {
        Error::usage(format!("cannot write {}: {e}", path.display()))
            .next("name a file in a directory that can be written")
    })
}

/// Creates the file `path`: writes the bytes to a temporary file, syncs it to disk, and renames it to `path`.
///
/// # Errors
/// Fails if the path exists or the file cannot be written. After a failure, no file is left behind.
pub fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    create_proven(path, bytes, |_| Ok(()))
}

/// Creates the file `path` like [`create`], but renames the temporary file only if `prove` accepts it.
///
/// # Errors
/// Fails if [`create`] would fail, or if `prove` returns an error. After a failure, no file is left behind.
pub fn create_proven<T>(path: &Path, bytes: &[u8], prove: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let temporary = Temporary(temporary_path(path));
    write(&temporary.0, bytes).map_err(|e| cannot_write(path, &e))?;
    let proven = prove(&temporary.0)?;
    put_in_place(&temporary.0, path)?;
    Ok(proven)
}

/// A temporary file. When this value is dropped, the file is removed, even after a panic.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Renames `temporary` to `path`, but never overwrites an existing file. If the file system does not support such a
/// rename, creates a hard link instead.
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

fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", random::hex::<6>()))
}

fn exists(path: &Path) -> Error {
    Error::usage(format!("{} exists; it is never overwritten", path.display()))
        .next("choose another name, or move that file away")
}
