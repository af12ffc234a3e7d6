//! The status of a target. The status comes from the target's last session in the ledgers and, if IAM was read, from
//! the user's state in IAM.

use jiff::Timestamp;
use serde::Serialize;

use super::last_session::LastSession;
use crate::error::Status;
use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// The state of a target. The JSON output uses the names of these variants, so renaming one changes the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// IAM shows that the user is at rest.
    Closed,
    /// A window is open: T1 is in the future, and either IAM shows the window or the ledger records no close.
    Open,
    /// T1 has passed, but no close is recorded. In the lane `static`, only this machine's clock shows that T1 has
    /// passed.
    Unproven,
    /// IAM shows that the user is not at rest and has no gate that ends in the future.
    NotAtRest,
    /// IAM does not show the state. The ledgers show at most how an earlier session ended: another machine can have
    /// opened a window since.
    Unknown,
}

impl TargetState {
    /// Returns the exit status of `status` for a target in this state; `None` if access is closed.
    pub fn failure(self) -> Option<Status> {
        match self {
            Self::Closed => None,
            Self::Open | Self::Unproven => Some(Status::MayBeOpen),
            Self::NotAtRest | Self::Unknown => Some(Status::Failed),
        }
    }

    /// Returns whether access might be open; `None` if this is not known.
    fn may_be_open(self) -> Option<bool> {
        match self {
            Self::Open | Self::Unproven => Some(true),
            Self::Closed | Self::NotAtRest => Some(false),
            Self::Unknown => None,
        }
    }
}

/// The clock that gave a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    Aws,
    /// The clock of this machine, which can be wrong.
    Local,
}

/// The current time, and the clock that gave it.
#[derive(Clone, Copy, Debug)]
pub struct ClockTime {
    pub time: Timestamp,
    pub clock: ClockSource,
}

impl ClockTime {
    /// Returns AWS's time.
    pub fn aws(time: Timestamp) -> Self {
        Self { time, clock: ClockSource::Aws }
    }

    /// Returns the current time of this machine's clock.
    pub fn local() -> Self {
        Self { time: Timestamp::now(), clock: ClockSource::Local }
    }
}

/// How the last session of a target ended, as the ledgers show it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum RecordedEnd {
    /// A close is recorded.
    Closed { at: Option<Timestamp> },
    /// The session of a role has expired, by AWS's clock.
    Expired { at: Timestamp },
    /// The session wrote nothing to AWS.
    NothingOpened,
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
    /// Whether access might be open. `None` if this is not known.
    pub may_be_open: Option<bool>,
    /// The session of the target's last window, if it is known.
    pub session: Option<SessionId>,
    /// Whether this machine opened the session: the session's intent is in the ledgers that were read.
    pub this_machine: bool,
    /// T1 of the session, if it is known.
    pub until: Option<Timestamp>,
    pub source: StatusSource,
    /// The clock that decided whether T1 has passed.
    pub clock: ClockSource,
    /// How the ledgers show that the session ended. `None` if the ledgers show no end.
    pub recorded: Option<RecordedEnd>,
    /// The next step for the operator, if there is one.
    pub next: Option<String>,
}

impl TargetStatus {
    /// Returns the status of the target at the time `now`. The state in IAM overrides the ledger. `seen` is `None` if
    /// IAM was not read. IAM does not show whether a role's session is active.
    pub fn of(
        target: TargetId,
        lane: Lane,
        last: Option<&LastSession>,
        seen: Option<&UserState>,
        now: ClockTime,
    ) -> Self {
        let is_ours = |session| last.is_some_and(|last| last.knows(session));
        let (recorded_state, recorded) =
            last.map_or((TargetState::Unknown, None), |last| recorded(last, now));
        let known = (last.map(|last| last.session), last.and_then(|last| last.until));
        let (state, (session, until), source) = match seen {
            Some(UserState::Open { session, until } | UserState::Opening { session, until }) => {
                (TargetState::Open, (Some(*session), Some(*until)), StatusSource::Iam)
            }
            Some(UserState::AtRest) => (TargetState::Closed, known, StatusSource::Iam),
            Some(UserState::Unbounded) => (TargetState::Open, (None, None), StatusSource::Iam),
            Some(UserState::Untidy(_) | UserState::Drifted(_)) => {
                (TargetState::NotAtRest, known, StatusSource::Iam)
            }
            None | Some(UserState::NotAtRest(_) | UserState::Unknown(_)) => {
                (recorded_state, known, StatusSource::Ledger)
            }
        };
        Self {
            target,
            lane,
            state,
            may_be_open: state.may_be_open(),
            session,
            this_machine: session.is_some_and(is_ours),
            until,
            source,
            clock: now.clock,
            recorded: recorded.filter(|_| session == known.0),
            next: None,
        }
    }

    /// Returns the target with the worst state, unless access is closed on all targets.
    pub fn worst(all: &[Self]) -> Option<&Self> {
        use TargetState::{NotAtRest, Open, Unknown, Unproven};
        let first = |states: &[TargetState]| all.iter().find(|of| states.contains(&of.state));
        first(&[Open, Unproven]).or_else(|| first(&[NotAtRest])).or_else(|| first(&[Unknown]))
    }

    /// Returns whether access might be open on any of the targets. Returns `None` if this is not known, for example
    /// because there is no target.
    pub fn any_may_be_open(all: &[Self]) -> Option<bool> {
        let any = |wanted| all.iter().any(|of| of.may_be_open == wanted);
        if any(Some(true)) {
            Some(true)
        } else if all.is_empty() || any(None) {
            None
        } else {
            Some(false)
        }
    }
}

/// Returns the state that the ledgers show, without IAM, and how the session ended. A recorded close shows the past:
/// another machine can have opened a window since. So the ledgers never show that access is closed.
fn recorded(last: &LastSession, now: ClockTime) -> (TargetState, Option<RecordedEnd>) {
    let ended = |end| (TargetState::Unknown, Some(end));
    match (last.closed, last.until) {
        (true, _) => ended(RecordedEnd::Closed { at: last.closed_at }),
        (false, None) => ended(RecordedEnd::NothingOpened),
        (false, Some(until)) if now.time < until => (TargetState::Open, None),
        // The session of a role ends by itself. Only AWS's clock proves that the session has ended.
        (false, Some(at)) if last.lane == Lane::Static && now.clock == ClockSource::Aws => {
            ended(RecordedEnd::Expired { at })
        }
        (false, Some(_)) => (TargetState::Unproven, None),
    }
}
