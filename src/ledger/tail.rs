//! The end of the file: all that a writer needs to go on, however long the ledger is.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use sha2::{Digest, Sha256};

use super::chain::Head;
use super::line::{ParsedLine, lines, torn};

/// Most last records are shorter; read at first, in bytes.
const FIRST: u64 = 16 * 1024;

/// What a writer goes on from.
pub(super) struct Tail {
    pub(super) head: Head,
    /// The last line has no end: the machine stopped while it was written.
    pub(super) unfinished: bool,
    /// What stands after the last record, once that line has its end; as [`torn`] has it.
    pub(super) torn: Option<String>,
}

/// Reads it; `None` when the last line is neither a record nor torn.
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
            Found::Head(head, end) => return Ok(Some(Tail::of(head, bytes, end))),
            Found::Damage => return Ok(None),
            Found::Nothing if start == 0 => {
                return Ok(Some(Tail::of(Head { seq: 0, sha256: [0; 32] }, bytes, 0)));
            }
            Found::Nothing => size = size.saturating_mul(8),
        }
    }
}

impl Tail {
    /// `end`: where the last record ends in `bytes`, or nothing was.
    fn of(head: Head, bytes: &[u8], end: usize) -> Self {
        let unfinished = !bytes.is_empty() && !bytes.ends_with(b"\n");
        let mut after = bytes.get(end..).unwrap_or_default().to_vec();
        if unfinished && !after.is_empty() {
            after.push(b'\n');
        }
        Self { head, unfinished, torn: torn(&after) }
    }
}

enum Found {
    /// The last record, and where its line ends, its end included.
    Head(Head, usize),
    Nothing,
    Damage,
}

/// The last record of these lines; torn ones after it are passed over.
fn last(bytes: &[u8]) -> Found {
    let mut end = bytes.len();
    for line in lines(bytes).rev() {
        match ParsedLine::of(line) {
            ParsedLine::Record(entry) => {
                let head = Head { seq: entry.seq + 1, sha256: Sha256::digest(line).into() };
                return Found::Head(head, end);
            }
            ParsedLine::Torn => end -= line.len() + usize::from(bytes[..end].ends_with(b"\n")),
            ParsedLine::Invalid => return Found::Damage,
        }
    }
    Found::Nothing
}
