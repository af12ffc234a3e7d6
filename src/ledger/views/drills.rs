//! The drills of a vault, read from the ledgers.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

use super::complete_drill::is_complete_drill;
use crate::custody::statement::drill as evidence;
use crate::gate::SessionId;
use crate::ledger::record::{Entry, Record};
use crate::vault::manifest::Manifest;

/// The last drill for a vault.
#[derive(Clone, Debug, Serialize)]
pub struct LastDrill {
    pub session: SessionId,
    /// When the drill ended.
    pub at: Timestamp,
    /// Whether the drill had the expected outcome.
    pub passed: bool,
    /// Whether a custodian's token signed the result.
    pub signed: bool,
    /// Whether the drill was complete: a quorum approved and opened the drill vault, access was proven closed, and a
    /// custodian signed the result. A complete drill is due every 92 days.
    pub complete: bool,
}

/// Returns the drills for this vault, in the order of their signed time. If several ledgers record the same drill, the
/// drill counts once. Leaves out a signed drill that ended after `latest`.
pub(super) fn drills(entries: &[Entry], manifest: &Manifest, latest: Timestamp) -> Vec<LastDrill> {
    let is_of_drill = |entry: &&Entry| matches!(entry.record, Record::Drill { .. });
    let mut sessions: HashMap<_, Vec<&Entry>> = HashMap::new();
    for record in entries.iter().filter(is_of_drill) {
        sessions.extend(record.record.session().map(|session| (session, Vec::new())));
    }
    for entry in entries {
        if let Some(records) = entry.record.session().and_then(|session| sessions.get_mut(&session)) {
            records.push(entry);
        }
    }
    let of = |entry: &Entry| drill(entry, &sessions, manifest, latest);
    let mut drills: Vec<_> = entries.iter().filter(is_of_drill).filter_map(of).collect();
    drills.sort_by_key(|drill| (drill.at, drill.signed));
    let mut seen = HashSet::new();
    drills.retain(|drill| seen.insert((drill.session, drill.signed)));
    drills
}

/// Returns the drill of this record, if the drill is for this vault. If the record has a signed statement, the values
/// come from the statement instead of the record. `sessions` has the records of each drill's session.
fn drill(
    entry: &Entry,
    sessions: &HashMap<SessionId, Vec<&Entry>>,
    manifest: &Manifest,
    latest: Timestamp,
) -> Option<LastDrill> {
    let Record::Drill { session, vault, passed, envelope, .. } = &entry.record else { return None };
    if *vault != manifest.vault_id {
        return None;
    }
    let evidence = envelope.as_ref().and_then(|envelope| evidence::verify(manifest, envelope).ok());
    let evidence = evidence.filter(|said| said.session == *session && said.ended <= latest);
    let records = sessions.get(session).map(Vec::as_slice).unwrap_or_default();
    Some(LastDrill {
        session: *session,
        at: evidence.as_ref().map_or(entry.at, |said| said.ended),
        passed: evidence.as_ref().map_or(*passed, |said| said.passed),
        signed: evidence.is_some(),
        complete: evidence.is_some_and(|said| is_complete_drill(&said, records, manifest)),
    })
}
