//! What is wrong with a chain: the first bad record, and how it can be told.

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
    /// Its line, counted from 1; none when it is the end that is missing.
    pub line: Option<usize>,
    /// Its number, counted from 0.
    pub seq: u64,
    /// Its kind, if it can be read.
    pub kind: Option<&'static str>,
    /// Its session, if it has one.
    pub session: Option<SessionId>,
    /// What is wrong with it.
    pub what: String,
}

/// A record that does not chain, and those around it.
pub(super) struct Neighbours<'a> {
    pub(super) before: &'a [Link],
    pub(super) link: Link,
    pub(super) next: Option<ParsedLine>,
}

impl Neighbours<'_> {
    /// The next record chains to this one, so this one is as it was written.
    fn is_confirmed(&self) -> bool {
        match &self.next {
            Some(ParsedLine::Record(next)) => is_hex_of(&next.prev, &self.link.sha256),
            _ => false,
        }
    }

    /// This one chains past the record before it.
    fn passes_over_the_last(&self) -> bool {
        let Some((_, earlier)) = self.before.split_last() else { return false };
        let sha256 = earlier.last().map_or([0; 32], |link| link.sha256);
        self.link.entry.seq == earlier.len() as u64 && is_hex_of(&self.link.entry.prev, &sha256)
    }
}

impl Damage {
    /// Of this record.
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

    /// A line that is no record and was not torn; `seq` should stand there.
    pub(super) fn no_record(line: usize, seq: u64, text: &[u8]) -> Self {
        let kind = serde_json::from_slice::<Value>(text)
            .ok()
            .filter(|of| of["v"].is_u64() && of["kind"].is_string());
        let what = match kind {
            Some(_) => "it was changed, or is of a later version of breakglass: take that one, then",
            None => "the line is no record",
        };
        Self { line: Some(line), seq, kind: None, session: None, what: what.into() }
    }

    /// A line before record `seq` looks like one that was never finished, and the record does not say so.
    pub(super) fn no_torn_line(line: usize, seq: u64) -> Self {
        let what = "it was put in or changed: it is no record, and the record after it knows of no such line";
        Self { line: Some(line), seq, kind: None, session: None, what: what.into() }
    }

    /// Nothing stands where this record has to.
    pub fn missing(seq: u64, what: impl Into<String>) -> Self {
        Self { line: None, seq, kind: None, session: None, what: what.into() }
    }

    /// Which of the records around the place where the chain breaks is bad.
    pub(super) fn between(around: &Neighbours<'_>) -> Self {
        let Neighbours { before, link, next } = around;
        let due = before.len() as u64;
        let seq = link.entry.seq;
        let whole = next.is_none() || around.is_confirmed();
        match before.last() {
            Some(last) if around.passes_over_the_last() => {
                Self::of(last, "it was put in: the record after it chains past it")
            }
            Some(last) if seq == due && whole && link.entry.v == 1 => {
                Self::of(last, "it was changed: the record after it does not chain to it")
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
            _ => Self::of(link, format!("it stands where record {due} has to")),
        }
    }

    /// As an error that names the file.
    pub fn error(&self, path: &Path) -> Error {
        Error::damaged(format!("the ledger {} is damaged: {self}", path.display()))
            .next("keep the file as evidence and move it away, with shipped.json if that is beside it; closing works without it")
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
