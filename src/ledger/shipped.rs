//! What of a ledger is still to be copied elsewhere: the ledger itself is the queue, a small file beside it the cursor.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Ledger, cannot};
use crate::error::Result;

const CURSOR: &str = "shipped.json";

/// How far the copy goes.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// Which ledger.
    ledger: String,
    /// Where to.
    place: String,
    /// So many records are there.
    seq: u64,
}

/// One record as it stands in its file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Counted from 0.
    pub seq: u64,
    /// Without the end of the line.
    pub text: String,
}

impl Line {
    /// SHA-256, hex.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.text))
    }
}

/// What is still to be copied.
#[derive(Debug)]
pub struct Queue {
    /// The ledger's id: the first 16 digits of its first record's SHA-256.
    pub ledger: String,
    /// In order.
    pub lines: Vec<Line>,
}

impl Ledger {
    /// The records that are not at `place` yet, as far as is known here.
    ///
    /// # Errors
    /// As [`Ledger::entries`].
    pub fn queue(&self, place: &str) -> Result<Queue> {
        let mut lines = self.lines()?;
        let ledger = lines.first().map(|line| line.sha256()[..16].to_owned()).unwrap_or_default();
        let cursor: Cursor = fs::read(self.cursor())
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        // A cursor of another ledger or place says nothing: what is there already is sent once more.
        if cursor.ledger == ledger && cursor.place == place {
            lines.retain(|line| line.seq >= cursor.seq);
        }
        Ok(Queue { ledger, lines })
    }

    /// Keeps in mind that the first `seq` records are at `place`.
    ///
    /// # Errors
    /// When the cursor cannot be written; then they are sent once more.
    pub fn shipped(&self, ledger: &str, place: &str, seq: u64) -> Result<()> {
        let path = self.cursor();
        let cursor = Cursor { ledger: ledger.into(), place: place.into(), seq };
        let temporary = path.with_extension(format!("{}.part", std::process::id()));
        let text = serde_json::to_vec(&cursor).unwrap_or_default();
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        });
        written.map_err(|e| {
            let _ = fs::remove_file(&temporary);
            cannot("write the cursor of", &path, &e)
        })
    }

    fn cursor(&self) -> PathBuf {
        self.directory.join(CURSOR)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Record;
    use super::*;
    use crate::gate::SessionId;

    #[test]
    fn what_was_shipped_to_one_place_is_not_at_another() {
        let directory = std::env::temp_dir().join(format!("breakglass-shipped-{}", std::process::id()));
        let ledger = Ledger::at(&directory);
        assert!(ledger.queue("a").is_ok_and(|queue| queue.lines.is_empty()));
        for number in 0..3 {
            let record = Record::Closed {
                session: SessionId::from_bytes([number; 8]),
                probed: true,
                cause: "x".into(),
            };
            ledger.append(jiff::Timestamp::UNIX_EPOCH, record).expect("room");
        }
        let queue = ledger.queue("a").expect("a queue");
        assert_eq!((queue.ledger.len(), queue.lines.len()), (16, 3));
        ledger.shipped(&queue.ledger, "a", 2).expect("room");
        let left: Vec<_> = ledger.queue("a").expect("a queue").lines.iter().map(|line| line.seq).collect();
        assert_eq!(left, [2]);
        assert_eq!(ledger.queue("b").expect("a queue").lines.len(), 3);
        fs::write(directory.join(CURSOR), "{damaged").expect("room");
        assert_eq!(ledger.queue("a").expect("a queue").lines.len(), 3, "sent once more");
        let _ = fs::remove_dir_all(directory);
    }
}
