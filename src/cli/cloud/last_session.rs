//! The last session of a vault, which `open` notes in a file in the vault's directory. The note shows custodians whether
//! the ledger in use is the ledger that the last session used.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cli::input;
use crate::gate::SessionId;
use crate::ledger::{Chain, Entry, Record};
use crate::terminal::warning;
use crate::time_text;

/// The maximum length of the file.
const LONGEST: usize = 4096;

/// The content of the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LastSession {
    /// The vault's id.
    vault: String,
    session: SessionId,
    at: Timestamp,
}

/// Notes that `session` is the last session of the vault. If the note cannot be written, prints a warning.
pub fn note(path: &Path, vault: &str, session: SessionId) {
    let last = LastSession { vault: vault.to_owned(), session, at: Timestamp::now() };
    if let Err(error) = write(path, &last) {
        warning(format_args!(
            "{}: {error}; the next session cannot compare its ledger with the ledger of this session",
            file(path, "").display()
        ));
    }
}

fn write(path: &Path, last: &LastSession) -> io::Result<()> {
    let text = serde_json::to_string(last)? + "\n";
    // A reader sees either the old note or the new note. A link in place of the file is replaced, not followed.
    let temporary = file(path, &format!(".{}", std::process::id()));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
        .and_then(|()| fs::rename(&temporary, file(path, "")))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Returns the text for custodians if the ledger `own` does not have the last session of the vault. The last session is
/// the latest one of the note and of `entries`, the records of all ledgers.
pub fn other_ledger(path: &Path, vault: &str, own: &Chain, entries: &[Entry]) -> Option<String> {
    let noted = read(path).filter(|noted| noted.vault == vault).map(|noted| (noted.at, noted.session));
    let intended = entries.iter().filter_map(|entry| match &entry.record {
        Record::Intent { session, vault: of, .. } if of == vault => Some((entry.at, *session)),
        _ => None,
    });
    let (at, session) = noted.into_iter().chain(intended).max_by_key(|(at, _)| *at)?;
    let is_own = own.links.iter().any(|link| link.entry.record.session() == Some(session));
    (!is_own).then(|| {
        format!(
            "this is not the ledger that the last session of this vault used: session {session}, {}",
            time_text::date(at)
        )
    })
}

fn read(path: &Path) -> Option<LastSession> {
    let file = file(path, "");
    // Reading a named pipe would never end.
    let text = file.is_file().then(|| input::read(&file, LONGEST)).and_then(Result::ok)?;
    serde_json::from_slice(&text).ok()
}

fn file(vault: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = vault.as_os_str().to_owned();
    name.push(".last-session");
    name.push(suffix);
    name.into()
}
