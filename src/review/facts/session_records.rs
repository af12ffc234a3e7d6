//! Finds the ledger records of one session.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{Entry, Intent, Record};
use crate::vault::manifest::Lane;

/// The records of one session, in the order of the ledger, and the session's intent.
pub(super) struct SessionRecords<'a> {
    /// The time when the intent was recorded.
    pub(super) at: Timestamp,
    pub(super) intent: Intent<'a>,
    pub(super) entries: Vec<&'a Entry>,
}

impl<'a> SessionRecords<'a> {
    pub(super) fn of(session: SessionId, all: &'a [Entry]) -> Result<Self> {
        let is_ours = |entry: &&Entry| entry.record.session() == Some(session);
        let entries: Vec<_> = all.iter().filter(is_ours).collect();
        if entries.is_empty() {
            return Err(Error::usage(format!("no ledger here has session {session}")).next(
                "name its ledger with the option --ledger; breakglass ledger show lists the sessions",
            ));
        }
        Self::among(entries).ok_or_else(|| {
            Error::usage(format!(
                "session {session} ended before its intent was recorded: there is nothing to review"
            ))
        })
    }

    /// Creates the value from the records of one session. Returns `None` if the records contain no intent.
    pub(super) fn among(entries: Vec<&'a Entry>) -> Option<Self> {
        let (at, intent) = entries.iter().find_map(|entry| Some((entry.at, entry.record.intent()?)))?;
        Some(Self { at, intent, entries })
    }

    /// Returns the access key ids of the credentials that were issued for the window.
    pub(super) fn issued(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter_map(|entry| match &entry.record {
            Record::Issued { access_key_id, .. } => Some(access_key_id.as_str()),
            _ => None,
        })
    }

    /// Reports whether the session uses the lane `static`, in which access ends only at T1.
    pub(super) fn is_static(&self) -> bool {
        self.intent.lane == Lane::Static
    }

    pub(super) fn from(&self) -> Option<Timestamp> {
        self.window().map(|(from, _)| from)
    }

    pub(super) fn until(&self) -> Option<Timestamp> {
        self.window().map(|(_, until)| until)
    }

    fn window(&self) -> Option<(Timestamp, Timestamp)> {
        self.entries.iter().rev().find_map(|entry| match entry.record {
            Record::Window { from, until, .. } | Record::Opened { from, until, .. } => Some((from, until)),
            _ => None,
        })
    }

    /// Returns the earliest time at which access might have been open.
    pub(super) fn enabling(&self) -> Option<Timestamp> {
        let enabling =
            |entry: &&&Entry| matches!(entry.record, Record::Enabling { .. } | Record::Opened { .. });
        self.entries.iter().find(enabling).map(|entry| entry.at)
    }

    pub(super) fn opened(&self) -> Option<Timestamp> {
        let opened = |entry: &&&Entry| matches!(entry.record, Record::Opened { .. });
        self.entries.iter().find(opened).map(|entry| entry.at)
    }

    /// Returns the first close after the opening. If there was no opening, returns the first close after the intent.
    /// The returned value has the time of the close, whether a probe proved the close, and the cause.
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
        // A later close can have a probe as proof even if the first close only read IAM.
        Some((at, probed || closes.any(|(_, probed, _)| probed), cause))
    }

    /// Reports whether a record comes before the record `opened` in the ledger.
    pub(super) fn is_before_opening(&self, record: &Entry) -> bool {
        let opened = self
            .entries
            .iter()
            .position(|entry| matches!(entry.record, Record::Enabling { .. } | Record::Opened { .. }));
        let place = self.entries.iter().position(|entry| std::ptr::eq(*entry, record));
        opened.is_none_or(|opened| place.is_some_and(|place| place < opened))
    }

    /// Returns the time of the last close. If there was no close, returns T1.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let closed = |entry: &&&Entry| matches!(entry.record, Record::Closed { .. });
        self.entries.iter().rev().find(closed).map(|entry| entry.at).or(self.until())
    }
}

/// Groups the records by session. The records of each session stay in the order of the ledger.
pub(super) fn by_session(all: &[Entry]) -> HashMap<SessionId, Vec<&Entry>> {
    let mut sessions: HashMap<_, Vec<_>> = HashMap::new();
    for entry in all {
        if let Some(session) = entry.record.session() {
            sessions.entry(session).or_default().push(entry);
        }
    }
    sessions
}
