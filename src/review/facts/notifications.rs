//! The shares that custodians gave, and the alerts that the program sent.

use jiff::Timestamp;
use serde::Serialize;

use super::evidence::Evidence;
use super::session_records::SessionRecords;
use crate::ledger::{AlertTopic, Entry, Record, SharePurpose};

/// A share that a custodian gave.
#[derive(Clone, Debug, Serialize)]
pub struct ShareFact {
    pub at: Timestamp,
    pub custodian: String,
    pub purpose: SharePurpose,
    pub evidence: Evidence,
}

/// An alert that was sent to one channel, with or without an acknowledgement.
#[derive(Clone, Debug, Serialize)]
pub struct AlertFact {
    pub topic: AlertTopic,
    pub channel: String,
    /// Whether the channel is sealed in the vault. A channel that is not sealed is from the operator machine's
    /// configuration file.
    pub sealed: bool,
    pub sent: Timestamp,
    pub acknowledged: Option<Timestamp>,
    /// Whether the alert was recorded before access was opened.
    pub before_opening: bool,
    /// The id that the receiver gave to the alert, if the receiver returned an id.
    pub receipt: Option<String>,
    /// The receiver's answer, or the reason why there was no acknowledgement.
    pub detail: String,
    pub evidence: Evidence,
}

impl ShareFact {
    pub(super) fn all(own: &SessionRecords<'_>) -> Vec<Self> {
        own.entries.iter().filter_map(|entry| share(entry)).collect()
    }
}

impl AlertFact {
    pub(super) fn all(own: &SessionRecords<'_>) -> Vec<Self> {
        own.entries.iter().filter_map(|entry| notification(own, entry)).collect()
    }
}

fn share(entry: &Entry) -> Option<ShareFact> {
    let Record::Share { custodian, purpose, .. } = &entry.record else { return None };
    Some(ShareFact {
        at: entry.at,
        custodian: custodian.clone(),
        purpose: *purpose,
        evidence: Evidence::Reported,
    })
}

fn notification(own: &SessionRecords<'_>, entry: &Entry) -> Option<AlertFact> {
    let Record::Alert { topic, channel, sealed, sent, acknowledged, receipt, detail, .. } = &entry.record
    else {
        return None;
    };
    Some(AlertFact {
        topic: *topic,
        channel: channel.clone(),
        sealed: *sealed,
        sent: *sent,
        acknowledged: *acknowledged,
        before_opening: own.is_before_opening(entry),
        detail: detail.clone(),
        // The operator's machine wrote the receipt into the ledger. Only the receiver can confirm the receipt.
        evidence: Evidence::Reported,
        receipt: receipt.clone(),
    })
}
