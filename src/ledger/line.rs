//! One line of a ledger file: a record, or what an interrupted write left behind.

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::record::Entry;

/// A record, where it stands, and what the next one chains to.
#[derive(Clone, Debug)]
pub struct Link {
    /// The record.
    pub entry: Entry,
    /// SHA-256 of its line, without the line's end.
    pub sha256: [u8; 32],
    /// Its line, counted from 1.
    pub line: usize,
}

/// One line of the file, without its end.
pub(super) enum ParsedLine {
    /// A record.
    Record(Box<Entry>),
    /// The machine stopped while it was written.
    Torn,
    /// Neither: it was changed.
    Invalid,
}

impl ParsedLine {
    /// A line is torn that begins as a record and ends before its JSON does, or in zeros that a file system put in
    /// place of what it never wrote. To cut a line short so hides no more than to cut it off: no record chains to it.
    pub(super) fn of(line: &[u8]) -> Self {
        if let Ok(entry) = serde_json::from_slice(line) {
            return Self::Record(Box::new(entry));
        }
        let end = line.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let written = &line[..end];
        let early = || serde_json::from_slice::<IgnoredAny>(written).is_err_and(|error| error.is_eof());
        let zeros = written.is_empty() && !line.is_empty();
        if zeros || written.starts_with(b"{") && early() { Self::Torn } else { Self::Invalid }
    }
}

/// What stands between two records was never finished: its SHA-256, which the record after it names; none where nothing
/// does. A torn line that somebody put in is so found out.
pub(super) fn torn(between: &[u8]) -> Option<String> {
    (!between.is_empty()).then(|| hex::encode(Sha256::digest(between)))
}

/// The lines of a file, without their ends.
pub(super) fn lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Both are the same digest; `text` is lower-case hex.
pub(super) fn is_hex_of(text: &str, digest: &[u8; 32]) -> bool {
    let mut hex = [0; 64];
    hex::encode_to_slice(digest, &mut hex).is_ok() && text.as_bytes() == hex
}
