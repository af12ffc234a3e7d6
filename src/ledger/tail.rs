//! The end of the file: all that a writer needs to go on, however long the ledger is.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use sha2::{Digest, Sha256};

use super::chain::{Head, Piece, lines};

/// Most last records are shorter; read at first, in bytes.
const FIRST: u64 = 16 * 1024;

/// What a writer goes on from.
pub(super) struct Tail {
    pub(super) head: Head,
    /// The last line has no end: the machine stopped while it was written.
    pub(super) unfinished: bool,
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
        match last(&bytes[whole..]) {
            Found::Head(head) => return Ok(Some(Tail { head, unfinished: !bytes.ends_with(b"\n") })),
            Found::Damage => return Ok(None),
            Found::Nothing if start == 0 => {
                let head = Head { seq: 0, sha256: [0; 32] };
                return Ok(Some(Tail { head, unfinished: !bytes.is_empty() && !bytes.ends_with(b"\n") }));
            }
            Found::Nothing => size = size.saturating_mul(8),
        }
    }
}

enum Found {
    Head(Head),
    Nothing,
    Damage,
}

/// The last record of these lines; torn ones after it are passed over.
fn last(bytes: &[u8]) -> Found {
    for line in lines(bytes).rev() {
        match Piece::of(line) {
            Piece::Record(entry) => {
                return Found::Head(Head { seq: entry.seq + 1, sha256: Sha256::digest(line).into() });
            }
            Piece::Torn => {}
            Piece::Neither => return Found::Damage,
        }
    }
    Found::Nothing
}
