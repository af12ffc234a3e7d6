//! The records of one session among all others.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{Entry, Principals, Record, TargetFacts};
use crate::vault::manifest::Lane;

/// A session's records, in their order.
pub(super) struct Own<'a> {
    pub(super) intent: Intent<'a>,
    pub(super) entries: Vec<&'a Entry>,
}

/// What was intended.
#[derive(Clone, Copy)]
pub(super) struct Intent<'a> {
    pub(super) at: Timestamp,
    pub(super) session: SessionId,
    pub(super) vault: &'a str,
    pub(super) epoch: u64,
    pub(super) credentials_epoch: u64,
    pub(super) sha256: &'a str,
    pub(super) lane: Lane,
    pub(super) target: &'a TargetFacts,
    pub(super) regions: &'a Vec<String>,
    pub(super) principals: &'a Principals,
    pub(super) window: u64,
    pub(super) reason: &'a str,
    pub(super) again: Option<&'a str>,
    pub(super) no_alert: Option<&'a str>,
    pub(super) drill_of: Option<&'a str>,
}

impl<'a> Own<'a> {
    pub(super) fn of(session: SessionId, all: &'a [Entry]) -> Result<Self> {
        let entries: Vec<_> = all.iter().filter(|entry| of(&entry.record) == Some(session)).collect();
        let intent = entries.iter().find_map(|entry| intent(entry));
        match intent {
            Some(intent) => Ok(Self { intent, entries }),
            None if entries.is_empty() => {
                Err(Error::usage(format!("no ledger here knows session {session}"))
                    .next("name its ledger with --ledger FILE; breakglass ledger show lists the sessions"))
            }
            None => Err(Error::usage(format!(
                "session {session} came to nothing before it was meant to open: there is no use to review"
            ))),
        }
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

    pub(super) fn opened(&self) -> Option<Timestamp> {
        let opened = |entry: &&&Entry| matches!(entry.record, Record::Opened { .. });
        self.entries.iter().find(opened).map(|entry| entry.at)
    }

    /// The first close on record since it was opened, or meant to be: when, by probing or not, why.
    pub(super) fn closed(&self) -> Option<(Timestamp, bool, &'a str)> {
        let is = |of: fn(&Record) -> bool| self.entries.iter().position(|entry| of(&entry.record));
        let since = is(|record| matches!(record, Record::Opened { .. }))
            .or_else(|| is(|record| matches!(record, Record::Intent { .. })));
        self.entries.iter().skip(since.unwrap_or(0)).find_map(|entry| match &entry.record {
            Record::Closed { probed, cause, .. } => Some((entry.at, *probed, cause.as_str())),
            _ => None,
        })
    }

    /// This record stands before the opening, by the ledger's own order.
    pub(super) fn is_before_opening(&self, record: &Entry) -> bool {
        let opened = self.entries.iter().position(|entry| matches!(entry.record, Record::Opened { .. }));
        let place = self.entries.iter().position(|entry| std::ptr::eq(*entry, record));
        opened.is_none_or(|opened| place.is_some_and(|place| place < opened))
    }

    /// When it is over: its last close, else T1.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let closed = |entry: &&&Entry| matches!(entry.record, Record::Closed { .. });
        self.entries.iter().rev().find(closed).map(|entry| entry.at).or(self.until())
    }
}

fn intent(entry: &Entry) -> Option<Intent<'_>> {
    let Record::Intent {
        session,
        vault,
        epoch,
        credentials_epoch,
        sha256,
        lane,
        target,
        regions,
        principals,
        window,
        reason,
        again,
        no_alert,
        drill_of,
    } = &entry.record
    else {
        return None;
    };
    Some(Intent {
        at: entry.at,
        session: *session,
        vault,
        epoch: *epoch,
        credentials_epoch: *credentials_epoch,
        sha256,
        lane: *lane,
        target,
        regions,
        principals,
        window: *window,
        reason,
        again: again.as_deref(),
        no_alert: no_alert.as_deref(),
        drill_of: drill_of.as_deref(),
    })
}

/// Every session that was intended.
pub(super) fn intents(all: &[Entry]) -> impl Iterator<Item = Intent<'_>> {
    all.iter().filter_map(intent)
}

/// Which session a record is of.
fn of(record: &Record) -> Option<SessionId> {
    match record {
        Record::Share { session, .. } | Record::Told { session, .. } => *session,
        Record::Approval { session, .. }
        | Record::Intent { session, .. }
        | Record::Ends { session, .. }
        | Record::Opened { session, .. }
        | Record::Issued { session, .. }
        | Record::Closed { session, .. }
        | Record::Drill { session, .. }
        | Record::Review { session, .. } => Some(*session),
        #[allow(unreachable_patterns, reason = "other records are of no session")]
        _ => None,
    }
}
