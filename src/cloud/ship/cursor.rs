//! How much of the ledger was sent: a small file beside it. Without it everything is sent once more, to the same keys.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Ship;
use crate::ledger::Ledger;

/// The cursor.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    bucket: String,
    prefix: String,
    /// The ledger's id.
    pub(super) ledger: String,
    /// How many records.
    pub(super) sent: u64,
}

fn path(ledger: &Ledger) -> PathBuf {
    ledger.path().with_file_name("shipped.json")
}

impl Cursor {
    /// Of what was sent to this bucket; nothing, where the file does not say so.
    pub(super) fn read(ledger: &Ledger, ship: &Ship) -> Self {
        let Ship { bucket, prefix, .. } = ship.clone();
        let none = Self { bucket, prefix, ledger: String::new(), sent: 0 };
        let read =
            std::fs::read(path(ledger)).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        read.filter(|read| (&read.bucket, &read.prefix) == (&none.bucket, &none.prefix)).unwrap_or(none)
    }

    /// Of this ledger, and of no other that was in its place.
    pub(super) fn for_ledger(self, id: Option<String>) -> Self {
        let id = id.unwrap_or_default();
        let sent = if self.ledger == id { self.sent } else { 0 };
        Self { ledger: id, sent, ..self }
    }

    /// Written under another name first: whole or not at all.
    pub(super) fn write(&self, ledger: &Ledger) -> Result<(), String> {
        let path = path(ledger);
        let beside = path.with_file_name(format!(".shipped.json.{}", std::process::id()));
        let text = serde_json::to_vec(self).map_err(|e| e.to_string())?;
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|e| {
            let _ = std::fs::remove_file(&beside);
            format!("{} cannot be written: {e}", path.display())
        })
    }
}
