//! The outcome of one session, read from the session's records.

use crate::gate::SessionId;
use crate::ledger::record::{Entry, Record, SharePurpose};

/// The outcome of a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionOutcome {
    /// The custodians who gave a share to open the vault, in the order of their shares.
    pub custodians: Vec<String>,
    /// The alert channels that acknowledged an alert, without duplicates.
    pub acknowledged: Vec<String>,
    /// Whether AWS accepted the emergency key.
    pub opened: bool,
    /// Whether a probe proved that access is closed.
    pub probed_closed: bool,
}

impl SessionOutcome {
    /// Returns the outcome of the session `id`.
    pub fn of(entries: &[Entry], id: SessionId) -> Self {
        let mut outcome = Self::default();
        for entry in entries {
            match &entry.record {
                Record::Share { session: Some(session), custodian, purpose: SharePurpose::Open, .. }
                    if *session == id =>
                {
                    outcome.custodians.push(custodian.clone());
                }
                Record::Alert { session: Some(session), channel, acknowledged: Some(_), .. }
                    if *session == id && !outcome.acknowledged.contains(channel) =>
                {
                    outcome.acknowledged.push(channel.clone());
                }
                Record::Opened { session, .. } if *session == id => outcome.opened = true,
                Record::Closed { session, probed, .. } if *session == id => outcome.probed_closed = *probed,
                _ => {}
            }
        }
        outcome
    }
}
