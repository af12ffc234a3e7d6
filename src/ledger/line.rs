//! One line of a ledger file: a record, or the remains of an interrupted write.

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::record::Entry;

/// A record with its digest, to which the next record chains.
#[derive(Clone, Debug)]
pub struct Link {
    pub entry: Entry,
    /// SHA-256 of its line, without the newline.
    pub sha256: [u8; 32],
    /// Its line number, from 1.
    pub line: usize,
}

/// One line of the file, without the newline.
pub(super) enum ParsedLine {
    Record(Box<Entry>),
    /// Incomplete: the write was interrupted.
    Torn,
    /// Neither a record nor the beginning of a record, so the line was changed.
    Invalid,
}

impl ParsedLine {
    /// Parses a line. A line is torn if it begins like a record but its JSON is incomplete, or if it ends in zero
    /// bytes, which some file systems leave after a crash. Cutting a line short hides no more than removing it,
    /// because no record chains to a torn line.
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

/// Returns the hex SHA-256 of the torn lines between two records; `None` if there are none. The next record contains
/// this digest, so that a torn line that was inserted later is detected.
pub(super) fn torn(between: &[u8]) -> Option<String> {
    (!between.is_empty()).then(|| hex::encode(Sha256::digest(between)))
}

/// Splits a file into lines, without the newlines.
pub(super) fn lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Returns whether `text` is the digest in lower-case hex.
pub(super) fn is_hex_of(text: &str, digest: &[u8; 32]) -> bool {
    let mut hex = [0; 64];
    hex::encode_to_slice(digest, &mut hex).is_ok() && text.as_bytes() == hex
}
