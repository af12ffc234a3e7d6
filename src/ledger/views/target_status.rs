//! The status of a target. The status comes from the target's last session in the ledgers and, if IAM was read, from
//! the user's state in IAM.

use jiff::Timestamp;
use serde::Serialize;

use super::last_session::LastSession;
use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// The state of a target. The JSON output uses the names of these variants, so renaming one changes the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// No window is known to be open.
    Closed,
    /// A window is open: T1 is in the future, and either IAM shows the window or the ledger records no close.
    Open,
    /// T1 has passed, but the ledger records no close.
    Unproven,
    /// IAM shows that the user is not at rest and has no gate that ends in the future.
    NotAtRest,
    /// The state is unknown, because neither a ledger nor IAM shows it.
    Unknown,
}

/// The source of a status.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusSource {
    Ledger,
    Iam,
}

/// The status of one target.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TargetStatus {
    pub target: TargetId,
    pub lane: Lane,
    pub state: TargetState,
    /// Whether access might be open.
    pub may_be_open: bool,
    /// The session of the target's last window, if it is known.
    pub session: Option<SessionId>,
    /// Whether this machine opened the session: the session's intent is in the ledgers that were read.
    pub this_machine: bool,
    /// T1 of the session, if it is known.
    pub until: Option<Timestamp>,
    pub source: StatusSource,
}

impl TargetStatus {
    /// Returns the status of the target at the time `now`. The state in IAM overrides the ledger. `seen` is `None` if
    /// IAM was not read. IAM does not show whether a role's session is active.
    pub fn of(
        target: TargetId,
        lane: Lane,
        last: Option<&LastSession>,
        seen: Option<&UserState>,
        now: Timestamp,
    ) -> Self {
        let is_ours = |session| last.is_some_and(|last| last.knows(session));
        let recorded = (last.map(|last| last.session), last.and_then(|last| last.until));
        let (state, (session, until), source) = match seen {
            Some(UserState::Open { session, until } | UserState::Opening { session, until }) => {
                (TargetState::Open, (Some(*session), Some(*until)), StatusSource::Iam)
            }
            Some(UserState::AtRest) => (TargetState::Closed, recorded, StatusSource::Iam),
            Some(UserState::Unbounded) => (TargetState::Open, (None, None), StatusSource::Iam),
            Some(UserState::Untidy(_) | UserState::Drifted(_)) => {
                (TargetState::NotAtRest, recorded, StatusSource::Iam)
            }
            None | Some(UserState::NotAtRest(_) | UserState::Unknown(_)) => {
                let state = last.map_or(TargetState::Unknown, |last| TargetState::recorded(last, now));
                // If IAM shows that the user is not at rest, a close in the ledger is out of date.
                let is_outdated =
                    state == TargetState::Closed && matches!(seen, Some(UserState::NotAtRest(_)));
                (if is_outdated { TargetState::Unknown } else { state }, recorded, StatusSource::Ledger)
            }
        };
        let may_be_open = matches!(state, TargetState::Open | TargetState::Unproven);
        Self {
            target,
            lane,
            state,
            may_be_open,
            session,
            this_machine: session.is_some_and(is_ours),
            until,
            source,
        }
    }
}

impl TargetState {
    /// Returns the state that the ledger shows, without IAM.
    fn recorded(last: &LastSession, now: Timestamp) -> Self {
        match (last.closed, last.until) {
            (true, _) | (false, None) => Self::Closed,
            (false, Some(until)) if now < until => Self::Open,
            // The session of a role expires by itself, so there is nothing to close.
            (false, Some(_)) if last.lane == Lane::Static => Self::Closed,
            (false, Some(_)) => Self::Unproven,
        }
    }
}
