//! Reads the end of the ledger file. To append a record, only the end is needed, so the duration does not depend on the
//! ledger's size.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use sha2::{Digest, Sha256};

use super::chain::Head;
use super::line::{ParsedLine, lines, torn};

/// How many bytes the first read covers. Most records are shorter.
const FIRST: u64 = 16 * 1024;

/// The facts about the end of the file that are needed to append a record.
pub(super) struct Tail {
    pub(super) head: Head,
    /// Whether the last line has no newline, because its write was interrupted.
    pub(super) unfinished: bool,
    /// The digest of the torn lines after the last record: the result of [`torn()`].
    pub(super) torn: Option<String>,
}

/// Reads the end of the file, and skips torn lines at the end. Returns `None` if the line before the torn lines is not
/// a record.
pub(super) fn read(file: &File, length: u64) -> std::io::Result<Option<Tail>> {
    let mut size = FIRST;
    loop {
        let start = length.saturating_sub(size);
        let mut bytes = vec![0; usize::try_from(length - start).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, start)?;
        let whole = if start == 0 {
            0
        } else {
            bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1)
        };
        let bytes = &bytes[whole..];
        match last(bytes) {
            LastRecord::Head(head, end) => return Ok(Some(Tail::of(head, bytes, end))),
            LastRecord::Damage => return Ok(None),
            LastRecord::Nothing if start == 0 => {
                return Ok(Some(Tail::of(Head { seq: 0, sha256: [0; 32] }, bytes, 0)));
            }
            LastRecord::Nothing => size = size.saturating_mul(8),
        }
    }
}

impl Tail {
    /// Returns the facts about the end of `bytes`. `end` is the offset after the last record in `bytes`, or 0 if there
    /// is no record.
    fn of(head: Head, bytes: &[u8], end: usize) -> Self {
        let unfinished = !bytes.is_empty() && !bytes.ends_with(b"\n");
        let mut after = bytes.get(end..).unwrap_or_default().to_vec();
        if unfinished && !after.is_empty() {
            after.push(b'\n');
        }
        Self { head, unfinished, torn: torn(&after) }
    }
}

enum LastRecord {
    /// The last record was found. The fields are the head after the last record, and the offset after its newline.
    Head(Head, usize),
    Nothing,
    Damage,
}

/// Finds the last record in these lines, and skips torn lines after this record.
fn last(bytes: &[u8]) -> LastRecord {
    let mut end = bytes.len();
    for line in lines(bytes).rev() {
        match ParsedLine::of(line) {
            ParsedLine::Record(entry) => {
                let head = Head { seq: entry.seq + 1, sha256: Sha256::digest(line).into() };
                return LastRecord::Head(head, end);
            }
            ParsedLine::Torn => end -= line.len() + usize::from(bytes[..end].ends_with(b"\n")),
            ParsedLine::Invalid => return LastRecord::Damage,
        }
    }
    LastRecord::Nothing
}
