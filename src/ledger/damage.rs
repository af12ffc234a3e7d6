//! Finds the first bad record of a chain, and the reason.

use std::fmt;
use std::path::Path;

use super::line::{Link, ParsedLine, is_hex_of};
use super::record::Entry;
use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::gate::SessionId;

/// The first bad record of a ledger.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Damage {
    /// The record's line number, counted from 1. `None` if the file ends before the bad record.
    pub line: Option<usize>,
    /// The record's number, counted from 0.
    pub seq: u64,
    /// The record's kind, if the record is readable.
    pub kind: Option<&'static str>,
    /// The record's session, if the record has one.
    pub session: Option<SessionId>,
    /// Why the record is bad.
    pub what: String,
}

/// A record that does not contain the digest of the previous record. The neighbouring records are also needed to find
/// the cause.
pub(super) struct Neighbours<'a> {
    pub(super) before: &'a [Link],
    pub(super) link: Link,
    pub(super) next: Option<ParsedLine>,
}

impl Neighbours<'_> {
    /// Returns whether the next record contains the digest of this record. If it does, this record was not changed.
    fn is_confirmed(&self) -> bool {
        match &self.next {
            Some(ParsedLine::Record(next)) => is_hex_of(&next.prev, &self.link.sha256),
            _ => false,
        }
    }

    /// Returns whether the previous record was inserted: this record contains the digest of the record before the
    /// previous record.
    fn skips_the_last(&self) -> bool {
        let Some((_, earlier)) = self.before.split_last() else { return false };
        let sha256 = earlier.last().map_or([0; 32], |link| link.sha256);
        self.link.entry.seq == earlier.len() as u64 && is_hex_of(&self.link.entry.prev, &sha256)
    }
}

impl Damage {
    /// Describes the record of `link` as damaged, with the reason `what`.
    pub fn of(link: &Link, what: impl Into<String>) -> Self {
        let Entry { seq, record, .. } = &link.entry;
        Self {
            line: Some(link.line),
            seq: *seq,
            kind: Some(record.kind()),
            session: record.session(),
            what: what.into(),
        }
    }

    /// Returns the damage of a line that is neither a record nor torn. `seq` is the number of the record that should be
    /// at the line.
    pub(super) fn invalid_line(line: usize, seq: u64, text: &[u8]) -> Self {
        let kind = serde_json::from_slice::<Value>(text)
            .ok()
            .filter(|of| of["v"].is_u64() && of["kind"].is_string());
        let what = match kind {
            Some(_) => {
                "it was changed, or a later version of breakglass wrote it; verify the ledger with that version"
            }
            None => "the line is not a record",
        };
        Self { line: Some(line), seq, kind: None, session: None, what: what.into() }
    }

    /// Returns the damage of a torn line whose digest is missing in the next record. `seq` is the number of the next
    /// record.
    pub(super) fn inserted_torn_line(line: usize, seq: u64) -> Self {
        let what =
            "it was inserted or changed: it is not a record, and the next record does not have its digest";
        Self { line: Some(line), seq, kind: None, session: None, what: what.into() }
    }

    /// Returns the damage of a record that is missing.
    pub fn missing(seq: u64, what: impl Into<String>) -> Self {
        Self { line: None, seq, kind: None, session: None, what: what.into() }
    }

    /// Decides which record is bad if the chain breaks at `around`.
    pub(super) fn between(around: &Neighbours<'_>) -> Self {
        let Neighbours { before, link, next } = around;
        let due = before.len() as u64;
        let seq = link.entry.seq;
        let whole = next.is_none() || around.is_confirmed();
        match before.last() {
            Some(last) if around.skips_the_last() => {
                Self::of(last, "it was inserted: the next record chains to the record before it")
            }
            Some(last) if seq == due && whole && link.entry.v == 1 => {
                Self::of(last, "it was changed: the next record does not chain to it")
            }
            _ if seq > due && whole => {
                let lost = if seq - due == 1 {
                    format!("record {due} is")
                } else {
                    format!("records {due} to {} are", seq - 1)
                };
                Self::of(link, format!("{lost} missing before it"))
            }
            _ if seq == due => Self::of(link, "it was changed: it does not chain to the record before it"),
            _ => Self::of(link, format!("record {due} is expected here")),
        }
    }

    /// Returns the error for this damage. The message names the ledger file.
    pub fn error(&self, path: &Path) -> Error {
        Error::damaged(format!("the ledger {} is damaged: {self}", path.display()))
            .next("move the file, and shipped.json if it exists, to another directory as evidence; closing works without a ledger")
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}, record {}", self.seq)?,
            None => write!(f, "record {}", self.seq)?,
        }
        let kind = self.kind.map_or_else(String::new, |kind| format!(" ({kind}"));
        let session = self.session.map_or_else(String::new, |session| format!(", session {session}"));
        let close = if kind.is_empty() { "" } else { ")" };
        write!(f, "{kind}{session}{close}: {}", self.what)
    }
}
