//! Whose share was given, and who was told.

use jiff::Timestamp;
use serde::Serialize;

use super::evidence::Evidence;
use super::session_records::SessionRecords;
use crate::ledger::{AlertTopic, Entry, Record, SharePurpose};

/// A share.
#[derive(Clone, Debug, Serialize)]
pub struct ShareFact {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub custodian: String,
    /// What for.
    pub to: SharePurpose,
    /// What it is.
    pub evidence: Evidence,
}

/// One channel that was told, or was not.
#[derive(Clone, Debug, Serialize)]
pub struct NotificationFact {
    /// What about.
    pub about: AlertTopic,
    /// The channel.
    pub channel: String,
    /// Sealed in the vault; else of the machine's configuration.
    pub sealed: bool,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was acknowledged.
    pub acknowledged: Option<Timestamp>,
    /// It stands on record before the opening.
    pub before_opening: bool,
    /// The receiver's own id for it, if it gave one.
    pub receipt: Option<String>,
    /// What it answered, or why there was no acknowledgement.
    pub detail: String,
    /// What it is.
    pub evidence: Evidence,
}

impl ShareFact {
    pub(super) fn all(own: &SessionRecords<'_>) -> Vec<Self> {
        own.entries.iter().filter_map(|entry| share(entry)).collect()
    }
}

impl NotificationFact {
    pub(super) fn all(own: &SessionRecords<'_>) -> Vec<Self> {
        own.entries.iter().filter_map(|entry| told(own, entry)).collect()
    }
}

fn share(entry: &Entry) -> Option<ShareFact> {
    let Record::Share { custodian, to, .. } = &entry.record else { return None };
    Some(ShareFact { at: entry.at, custodian: custodian.clone(), to: *to, evidence: Evidence::Record })
}

fn told(own: &SessionRecords<'_>, entry: &Entry) -> Option<NotificationFact> {
    let Record::Told { about, channel, sealed, sent, acknowledged, receipt, detail, .. } = &entry.record
    else {
        return None;
    };
    Some(NotificationFact {
        about: *about,
        channel: channel.clone(),
        sealed: *sealed,
        sent: *sent,
        acknowledged: *acknowledged,
        before_opening: own.is_before_opening(entry),
        detail: detail.clone(),
        // Without an id of the receiver's there is nothing that it could be asked about.
        evidence: if acknowledged.and(receipt.as_ref()).is_some() {
            Evidence::Receiver
        } else {
            Evidence::Record
        },
        receipt: receipt.clone(),
    })
}
