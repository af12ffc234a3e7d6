//! The records of one session among all others.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{Entry, Intent, Record};
use crate::vault::manifest::Lane;

/// A session's records, in their order.
pub(super) struct SessionRecords<'a> {
    /// When it was intended.
    pub(super) at: Timestamp,
    pub(super) intent: Intent<'a>,
    pub(super) entries: Vec<&'a Entry>,
}

impl<'a> SessionRecords<'a> {
    pub(super) fn of(session: SessionId, all: &'a [Entry]) -> Result<Self> {
        let is_own = |entry: &&Entry| entry.record.session() == Some(session);
        let entries: Vec<_> = all.iter().filter(is_own).collect();
        if entries.is_empty() {
            return Err(Error::usage(format!("no ledger here knows session {session}"))
                .next("name its ledger with --ledger FILE; breakglass ledger show lists the sessions"));
        }
        Self::among(entries).ok_or_else(|| {
            Error::usage(format!(
                "session {session} came to nothing before it was meant to open: there is no use to review"
            ))
        })
    }

    /// Of its records; `None` when it was never intended.
    pub(super) fn among(entries: Vec<&'a Entry>) -> Option<Self> {
        let (at, intent) = entries.iter().find_map(|entry| Some((entry.at, entry.record.intent()?)))?;
        Some(Self { at, intent, entries })
    }

    /// Access key ids of the sessions that were issued to the work.
    pub(super) fn issued(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter_map(|entry| match &entry.record {
            Record::Issued { access_key_id, .. } => Some(access_key_id.as_str()),
            _ => None,
        })
    }

    /// Only T1 ends it.
    pub(super) fn is_static(&self) -> bool {
        self.intent.lane == Lane::Static
    }

    /// T0.
    pub(super) fn from(&self) -> Option<Timestamp> {
        self.ends().map(|(from, _)| from)
    }

    /// T1.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.ends().map(|(_, until)| until)
    }

    fn ends(&self) -> Option<(Timestamp, Timestamp)> {
        self.entries.iter().rev().find_map(|entry| match entry.record {
            Record::Ends { from, until, .. } | Record::Opened { from, until, .. } => Some((from, until)),
            _ => None,
        })
    }

    /// From when on access may have been there.
    pub(super) fn enabling(&self) -> Option<Timestamp> {
        let enabling =
            |entry: &&&Entry| matches!(entry.record, Record::Enabling { .. } | Record::Opened { .. });
        self.entries.iter().find(enabling).map(|entry| entry.at)
    }

    pub(super) fn opened(&self) -> Option<Timestamp> {
        let opened = |entry: &&&Entry| matches!(entry.record, Record::Opened { .. });
        self.entries.iter().find(opened).map(|entry| entry.at)
    }

    /// The first close on record since it was opened, or meant to be: when, by probing or not, why.
    pub(super) fn closed(&self) -> Option<(Timestamp, bool, &'a str)> {
        let is = |of: fn(&Record) -> bool| self.entries.iter().position(|entry| of(&entry.record));
        let since = is(|record| matches!(record, Record::Opened { .. }))
            .or_else(|| is(|record| matches!(record, Record::Intent { .. })));
        let mut closes =
            self.entries.iter().skip(since.unwrap_or(0)).filter_map(|entry| match &entry.record {
                Record::Closed { probed, cause, .. } => Some((entry.at, *probed, cause.as_str())),
                _ => None,
            });
        let (at, probed, cause) = closes.next()?;
        // What was only read back at first may have been probed since.
        Some((at, probed || closes.any(|(_, probed, _)| probed), cause))
    }

    /// This record stands before the opening, by the ledger's own order.
    pub(super) fn is_before_opening(&self, record: &Entry) -> bool {
        let opened = self
            .entries
            .iter()
            .position(|entry| matches!(entry.record, Record::Enabling { .. } | Record::Opened { .. }));
        let place = self.entries.iter().position(|entry| std::ptr::eq(*entry, record));
        opened.is_none_or(|opened| place.is_some_and(|place| place < opened))
    }

    /// When it is over: its last close, else T1.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let closed = |entry: &&&Entry| matches!(entry.record, Record::Closed { .. });
        self.entries.iter().rev().find(closed).map(|entry| entry.at).or(self.until())
    }
}

/// The records of every session, each in their order.
pub(super) fn by_session(all: &[Entry]) -> HashMap<SessionId, Vec<&Entry>> {
    let mut sessions: HashMap<_, Vec<_>> = HashMap::new();
    for entry in all {
        if let Some(session) = entry.record.session() {
            sessions.entry(session).or_default().push(entry);
        }
    }
    sessions
}
