//! Checks during an open window whether another process has closed or replaced the window in IAM.

use std::time::Duration;

use jiff::Timestamp;

use super::host::Clock;
use super::iam::Closer;
use super::observed::{Scope, UserState, observe};
use super::session::SessionId;

/// The pause between two checks of an open window. A change is reported within 30 s, including [`CONFIRM_AFTER`].
const BETWEEN_CHECKS: Duration = Duration::from_secs(15);
/// The pause before a change is read a second time. IAM is eventually consistent, so a single read can show an old
/// state.
const CONFIRM_AFTER: Duration = Duration::from_secs(3);

/// What another process did to an open window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lost {
    /// Another process closed access: `AWSDenyAll` is attached, or the gate was removed.
    Closed,
    /// Another session replaced the gate with its gate.
    Replaced {
        /// The other session.
        session: SessionId,
        /// T1 of the other session.
        until: Timestamp,
    },
}

/// Waits until IAM shows twice in a row that another process closed or replaced the window of `session`. Repeats failed
/// reads, because the window stays open if IAM does not answer.
pub async fn until_lost(
    closer: &impl Closer,
    scope: &Scope<'_>,
    session: SessionId,
    host: &impl Clock,
) -> Lost {
    let mut suspected = None;
    loop {
        host.pause(if suspected.is_none() { BETWEEN_CHECKS } else { CONFIRM_AFTER }).await;
        let found = lost(&observe(&closer.read_access_state().await, scope, host.now()), session);
        match found {
            Some(lost) if suspected == Some(lost) => return lost,
            _ => suspected = found,
        }
    }
}

/// Returns how another process ended the window of `session`. Returns `None` if the window is still open in IAM, or if
/// the state could not be read.
fn lost(state: &UserState, session: SessionId) -> Option<Lost> {
    match state {
        UserState::Open { session: found, .. } if *found == session => None,
        UserState::Open { session, until } => Some(Lost::Replaced { session: *session, until: *until }),
        // The user is untidy if `AWSDenyAll` is attached and a key is active, or if the gate was removed.
        UserState::AtRest | UserState::Opening { .. } | UserState::Untidy(_) => Some(Lost::Closed),
        UserState::Unbounded | UserState::Drifted(_) | UserState::NotAtRest(_) | UserState::Unknown(_) => {
            None
        }
    }
}
