//! Finds out whether credentials are spent. Credentials are spent after one opening and must then be rotated.

use super::record::{Entry, Record};
use crate::error::Error;
use crate::gate::SessionId;

/// Returns the error for credentials that are spent, because `session` has opened them.
pub fn is_spent(session: SessionId) -> Error {
    let what = format!("these credentials are spent: session {session} has opened them; nothing was enabled");
    Error::failed(what).next(
        "rotate and reseal; to use the credentials again now, pass --again \"reason\", which custodians sign",
    )
}

/// Returns the last session that recorded an intent for these credentials. Drills do not count, because the id of a
/// drill vault differs from the id of the production vault.
pub fn spent(entries: &[Entry], vault: &str, credentials_epoch: u64) -> Option<SessionId> {
    entries.iter().rev().find_map(|entry| match &entry.record {
        Record::Intent { session, vault: of, credentials_epoch: epoch, .. }
            if of == vault && *epoch == credentials_epoch =>
        {
            Some(*session)
        }
        _ => None,
    })
}
