//! Where a user stands: what this ledger and, where it was asked, IAM say of the last window on it.

use jiff::Timestamp;
use serde::Serialize;

use super::record::{Entry, Record, TargetFacts};
use crate::gate::SessionId;
use crate::vault::manifest::Lane;

/// The last session of a user that a ledger knows of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Last {
    /// Which.
    pub session: SessionId,
    /// The user.
    pub target: TargetFacts,
    /// How its window was made.
    pub lane: Lane,
    /// T1, once it was fixed. Before that nothing was written to AWS.
    pub until: Option<Timestamp>,
    /// It is on record as closed.
    pub closed: bool,
}

/// What IAM says of a user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// Nobody asked, or it cannot tell.
    NotAsked,
    /// `AWSDenyAll` attached, every key inactive.
    AtRest,
    /// A gate whose end is ahead, on a user that is not at rest.
    Ahead {
        /// Whose.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// Not at rest, and no gate's end is ahead.
    Untidy,
}

/// How it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No window that is known of.
    Closed,
    /// A window's end is ahead, and it is not on record as closed, or IAM shows it.
    Open,
    /// Its end has passed, and nobody has proven that it is shut.
    Unproven,
    /// IAM shows a user who is neither at rest nor behind a gate whose end is ahead.
    Untidy,
}

/// Who says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This machine's ledger alone.
    Ledger,
    /// IAM.
    Iam,
}

/// One user and how it stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Standing {
    /// The user.
    pub target: TargetFacts,
    /// How its windows are made.
    pub lane: Lane,
    /// How it stands.
    pub state: State,
    /// Access may be open.
    pub may_be_open: bool,
    /// The session, if one is known.
    pub session: Option<SessionId>,
    /// It is this machine's.
    pub own: bool,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
    /// Who says so.
    pub source: Source,
}

/// The last session of each user, in the order of their first.
pub fn last(entries: &[Entry]) -> Vec<Last> {
    let mut users: Vec<Last> = Vec::new();
    for entry in entries {
        match &entry.record {
            Record::Intent { session, target, lane, .. } => {
                let new = Last {
                    session: *session,
                    target: target.clone(),
                    lane: *lane,
                    until: None,
                    closed: false,
                };
                match users.iter_mut().find(|last| last.is_of(target, *lane)) {
                    Some(last) => *last = new,
                    None => users.push(new),
                }
            }
            Record::Ends { session, until, .. } => {
                users.iter_mut().filter(|last| last.session == *session).for_each(|l| l.until = Some(*until));
            }
            Record::Closed { session, .. } => {
                users.iter_mut().filter(|last| last.session == *session).for_each(|l| l.closed = true);
            }
            Record::Opened { .. } => {}
        }
    }
    users
}

impl Last {
    /// It is of this user, by this lane.
    pub fn is_of(&self, target: &TargetFacts, lane: Lane) -> bool {
        (&self.target.account, &self.target.user, self.lane) == (&target.account, &target.user, lane)
    }
}

impl Standing {
    /// What a user's last session and IAM amount to, at `now`. IAM knows better, but it shows no role's session.
    pub fn of(target: TargetFacts, lane: Lane, last: Option<&Last>, seen: &Seen, now: Timestamp) -> Self {
        let own = |session| last.is_some_and(|last| last.session == session);
        let (state, session, until, source) = match seen {
            Seen::Ahead { session, until } => (State::Open, Some(*session), Some(*until), Source::Iam),
            Seen::AtRest => (State::Closed, last.map(|l| l.session), last.and_then(|l| l.until), Source::Iam),
            Seen::Untidy => (State::Untidy, last.map(|l| l.session), last.and_then(|l| l.until), Source::Iam),
            Seen::NotAsked => {
                let state = last.map_or(State::Closed, |last| last.state(now));
                (state, last.map(|l| l.session), last.and_then(|l| l.until), Source::Ledger)
            }
        };
        let may_be_open = matches!(state, State::Open | State::Unproven);
        Self { target, lane, state, may_be_open, session, own: session.is_some_and(own), until, source }
    }
}

impl Last {
    /// As far as the ledger goes.
    fn state(&self, now: Timestamp) -> State {
        match (self.closed, self.until) {
            (true, _) | (false, None) => State::Closed,
            (false, Some(until)) if now < until => State::Open,
            // A role's session ends by itself, and leaves nothing behind to be shut.
            (false, Some(_)) if self.lane == Lane::Static => State::Closed,
            (false, Some(_)) => State::Unproven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn target() -> TargetFacts {
        TargetFacts {
            name: "prod".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            user: "emergency".into(),
        }
    }

    fn session(number: u8) -> SessionId {
        SessionId::from_bytes([number; 8])
    }

    fn known(until: Option<&str>, closed: bool, lane: Lane) -> Last {
        Last { session: session(1), target: target(), lane, until: until.map(at), closed }
    }

    #[test]
    fn the_ledger_alone_trusts_only_what_was_proven() {
        let (before, after) = (at("2026-11-22T02:30:00Z"), at("2026-11-22T03:30:00Z"));
        let until = Some("2026-11-22T03:00:00Z");
        let judged = |last: Option<Last>, now| {
            let lane = last.as_ref().map_or(Lane::Gate, |last| last.lane);
            Standing::of(target(), lane, last.as_ref(), &Seen::NotAsked, now).state
        };
        assert_eq!(judged(None, before), State::Closed);
        assert_eq!(judged(Some(known(None, false, Lane::Gate)), before), State::Closed);
        assert_eq!(judged(Some(known(until, false, Lane::Gate)), before), State::Open);
        assert_eq!(judged(Some(known(until, false, Lane::Gate)), after), State::Unproven);
        assert_eq!(judged(Some(known(until, true, Lane::Gate)), before), State::Closed);
        assert_eq!(judged(Some(known(until, false, Lane::Static)), before), State::Open);
        assert_eq!(judged(Some(known(until, false, Lane::Static)), after), State::Closed);
    }

    #[test]
    fn iam_knows_better_than_the_ledger() {
        let now = at("2026-11-22T02:30:00Z");
        let until = at("2026-11-22T03:00:00Z");
        let open = known(Some("2026-11-22T03:00:00Z"), false, Lane::Gate);
        let judged = |last, seen: &Seen| Standing::of(target(), Lane::Gate, last, seen, now);
        assert!(!judged(Some(&open), &Seen::AtRest).may_be_open, "somebody else closed it");
        let others = judged(None, &Seen::Ahead { session: session(2), until });
        assert!(others.may_be_open && !others.own && others.until == Some(until));
        assert!(judged(Some(&open), &Seen::Ahead { session: session(1), until }).own);
        let untidy = judged(Some(&open), &Seen::Untidy);
        assert!(!untidy.may_be_open && untidy.state == State::Untidy);
    }
}
