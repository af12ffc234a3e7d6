//! Finds the sessions that have no signed review.

use std::collections::{HashMap, HashSet};

use super::statement::{ReviewPredicate, verify};
use crate::custody::statement::Statement;
use crate::gate::SessionId;
use crate::ledger::{Entry, Intent, Record};
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Manifest;

/// Returns the sessions without a signed review that opened access or might have opened access, in the order of the
/// ledger. Leaves out drills. If a session opened the vault of `manifest`, a custodian of this vault must have signed
/// the review. If a session opened another vault or epoch, the custodians are not known, so any review in the ledger is
/// enough.
pub fn unreviewed(entries: &[Entry], manifest: &Manifest) -> Vec<SessionId> {
    let intents: HashMap<_, _> =
        entries.iter().filter_map(|entry| entry.record.intent()).map(|of| (of.session, of)).collect();
    let reviewed: HashSet<_> = entries
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Review { session, envelope, .. }
                if is_valid(*session, envelope, intents.get(session), manifest) =>
            {
                Some(*session)
            }
            _ => None,
        })
        .collect();
    let mut seen = HashSet::new();
    entries
        .iter()
        .filter_map(|entry| match entry.record {
            Record::Enabling { session } | Record::Opened { session, .. } => Some(session),
            _ => None,
        })
        .filter(|session| intents.get(session).is_none_or(|intent| intent.drill_of.is_none()))
        .filter(|session| !reviewed.contains(session) && seen.insert(*session))
        .collect()
}

fn is_valid(
    session: SessionId,
    envelope: &Envelope,
    intent: Option<&Intent<'_>>,
    manifest: &Manifest,
) -> bool {
    let this = (manifest.vault_id.as_str(), u64::from(manifest.epoch));
    let read = if intent.is_some_and(|intent| (intent.vault, intent.epoch) == this) {
        verify(manifest, envelope)
    } else {
        Statement::<ReviewPredicate>::read(envelope)
    };
    read.is_ok_and(|said| said.predicate.session == session)
}
