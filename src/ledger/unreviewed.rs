//! Uses that nobody has signed a review of.

use super::record::{Entry, Record};
use crate::gate::SessionId;

/// The sessions that opened, drills apart, and of which no review is on record; in the order of their openings.
/// Whether a review's signature holds is for whoever has the vault to say ([`crate::review::verify`]).
pub fn unreviewed(entries: &[Entry]) -> Vec<SessionId> {
    let is_drill = |of| {
        entries.iter().any(|entry| {
            matches!(&entry.record, Record::Intent { session, drill_of: Some(_), .. } if *session == of)
        })
    };
    let is_reviewed = |of| {
        entries.iter().any(|entry| matches!(&entry.record, Record::Review { session, .. } if *session == of))
    };
    let mut open: Vec<SessionId> = Vec::new();
    for entry in entries {
        if let Record::Opened { session, .. } = entry.record
            && !open.contains(&session)
            && !is_drill(session)
            && !is_reviewed(session)
        {
            open.push(session);
        }
    }
    open
}
