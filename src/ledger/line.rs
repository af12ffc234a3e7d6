//! One line of a ledger file: a record, or a *torn* line, which an interrupted write left behind.

use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::record::Entry;

/// A record of the chain, and the digest of the record's line.
#[derive(Clone, Debug)]
pub struct Link {
    pub entry: Entry,
    /// SHA-256 of the record's line, without the newline.
    pub sha256: [u8; 32],
    /// The record's line number, counted from 1.
    pub line: usize,
}

/// One parsed line of the file.
pub(super) enum ParsedLine {
    Record(Box<Entry>),
    /// The line is incomplete, because its write was interrupted.
    Torn,
    /// The line is neither a record nor the beginning of a record, so the line was changed.
    Invalid,
}

impl ParsedLine {
    /// Parses a line without its newline. A line is torn if it begins like a record, but its JSON is incomplete. Zero
    /// bytes at the end of a line are ignored, because some file systems leave zero bytes after a crash. A line that
    /// consists only of zero bytes is torn, too. A torn line is not part of the chain, so shortening a record's line
    /// has the same effect as removing the line.
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

/// Returns the SHA-256, in hex, of the torn lines between two records. Returns `None` if there are no torn lines. The
/// next record contains the digest of the torn lines, so the program detects a torn line that was inserted later.
pub(super) fn torn(between: &[u8]) -> Option<String> {
    (!between.is_empty()).then(|| hex::encode(Sha256::digest(between)))
}

/// Returns the lines of a file, without the newlines.
pub(super) fn lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Returns whether `text` is `digest` in lower-case hex.
pub(super) fn is_hex_of(text: &str, digest: &[u8; 32]) -> bool {
    let mut hex = [0; 64];
    hex::encode_to_slice(digest, &mut hex).is_ok() && text.as_bytes() == hex
}
