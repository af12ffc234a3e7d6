//! The status of a target: what the ledgers, and IAM if it was asked, show of its last window.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::ledger::record::{Entry, Record};
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// The session that decides the status of its user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastSession {
    pub session: SessionId,
    pub target: TargetId,
    pub lane: Lane,
    /// T0, by the AWS clock, once it is fixed.
    pub from: Option<Timestamp>,
    /// T1, once it is fixed; nothing is written to AWS before that.
    pub until: Option<Timestamp>,
    /// Whether a close is on record.
    pub closed: bool,
    /// The other sessions of the same user.
    pub earlier: Vec<SessionId>,
}

/// The state of a target. The names are in the JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// No window is known to be open.
    Closed,
    /// T1 is ahead, and no close is on record or IAM shows the window.
    Open,
    /// T1 has passed, and it was not proven that access is closed.
    Unproven,
    /// IAM shows a user that is not at rest, and no gate with a T1 ahead.
    Untidy,
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
    /// Whether access can be open.
    pub may_be_open: bool,
    /// The session, if known.
    pub session: Option<SessionId>,
    /// Whether the ledgers here have the intent of that session.
    pub own: bool,
    /// T1, if known.
    pub until: Option<Timestamp>,
    pub source: StatusSource,
}

/// Returns every session of a ledger, in the order of the intents.
pub fn sessions(entries: &[Entry]) -> Vec<LastSession> {
    let mut all: Vec<LastSession> = Vec::new();
    let mut places: HashMap<SessionId, usize> = HashMap::new();
    for entry in entries {
        if let Record::Intent { session, target, lane, .. } = &entry.record {
            places.entry(*session).or_insert_with(|| {
                let (session, target, lane) = (*session, target.clone(), *lane);
                all.push(LastSession {
                    session,
                    target,
                    lane,
                    from: None,
                    until: None,
                    closed: false,
                    earlier: Vec::new(),
                });
                all.len() - 1
            });
            continue;
        }
        let Some(&place) = entry.record.session().and_then(|session| places.get(&session)) else { continue };
        match &entry.record {
            // The session continues, even if a concurrent close has found it closed.
            Record::Ends { from, until, .. } => {
                let of = &mut all[place];
                (of.from, of.until, of.closed) = (Some(*from), Some(*until), false);
            }
            // A gate is opened only on a user at rest, and a probe tests the user, not a session: all earlier sessions
            // are closed.
            Record::Opened { .. } => {
                close_before(&mut all, place);
                all[place].closed = false;
            }
            Record::Closed { probed, .. } => {
                if *probed {
                    close_before(&mut all, place);
                }
                all[place].closed = true;
            }
            Record::Intent { .. }
            | Record::Approval { .. }
            | Record::Share { .. }
            | Record::Told { .. }
            | Record::Enabling { .. }
            | Record::Issued { .. }
            | Record::Drill { .. }
            | Record::Review { .. } => {}
        }
    }
    all
}

/// Marks the earlier sessions of the same gate as closed; the sessions of a role end by themselves. T0 decides which are
/// earlier, as it is from the AWS clock: the order of the records of several machines is from their local clocks.
fn close_before(all: &mut [LastSession], place: usize) {
    let LastSession { lane: Lane::Gate, from: Some(from), target, .. } = &all[place] else { return };
    let (from, target) = (*from, target.clone());
    let is_before = |of: &&mut LastSession| !of.closed && of.from.is_some_and(|other| other < from);
    let of_same = |of: &&mut LastSession| is_before(of) && of.is_of(&target, Lane::Gate);
    all.iter_mut().filter(of_same).for_each(|of| of.closed = true);
}

/// Returns for each user the session that decides its status, in the order of their first sessions: the one without a close
/// that ends last, else the newest. A later session that opened nothing does not hide an earlier one.
pub fn last(entries: &[Entry]) -> Vec<LastSession> {
    let mut users: Vec<LastSession> = Vec::new();
    for mut new in sessions(entries) {
        let Some(last) = users.iter_mut().find(|last| last.is_of(&new.target, new.lane)) else {
            users.push(new);
            continue;
        };
        let counts = new.end() >= last.end();
        let (kept, passed) = if counts { (&mut new, &mut *last) } else { (&mut *last, &mut new) };
        kept.earlier.append(&mut passed.earlier);
        kept.earlier.push(passed.session);
        if counts {
            *last = new;
        }
    }
    users
}

impl LastSession {
    /// Returns whether the session is for this user, in this lane.
    pub fn is_of(&self, target: &TargetId, lane: Lane) -> bool {
        (&self.target.account, &self.target.user, self.lane) == (&target.account, &target.user, lane)
    }

    /// Returns whether the ledger has the intent of that session.
    fn knows(&self, session: SessionId) -> bool {
        self.session == session || self.earlier.contains(&session)
    }

    /// Returns T1, if no close is on record.
    fn end(&self) -> Option<Timestamp> {
        self.until.filter(|_| !self.closed)
    }
}

impl TargetStatus {
    /// Decides the status at `now`. IAM overrides the ledger, but it does not show the session of a role; `seen` is `None`
    /// where IAM was not asked.
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
                (TargetState::Untidy, recorded, StatusSource::Iam)
            }
            None | Some(UserState::NotAtRest(_) | UserState::Unknown(_)) => {
                let state = last.map_or(TargetState::Closed, |last| last.state(now));
                (state, recorded, StatusSource::Ledger)
            }
        };
        let may_be_open = matches!(state, TargetState::Open | TargetState::Unproven);
        Self { target, lane, state, may_be_open, session, own: session.is_some_and(is_ours), until, source }
    }
}

impl LastSession {
    /// Decides the state from the ledger alone.
    fn state(&self, now: Timestamp) -> TargetState {
        match (self.closed, self.until) {
            (true, _) | (false, None) => TargetState::Closed,
            (false, Some(until)) if now < until => TargetState::Open,
            // A role session ends by itself and leaves nothing to close.
            (false, Some(_)) if self.lane == Lane::Static => TargetState::Closed,
            (false, Some(_)) => TargetState::Unproven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn target() -> TargetId {
        TargetId {
            name: "prod".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            user: "emergency".into(),
        }
    }

    fn session(number: u8) -> SessionId {
        SessionId::from_bytes([number; 8])
    }

    fn known(until: Option<&str>, closed: bool, lane: Lane) -> LastSession {
        LastSession {
            session: session(1),
            target: target(),
            lane,
            from: None,
            until: until.map(at),
            closed,
            earlier: Vec::new(),
        }
    }

    #[test]
    fn without_iam_only_a_proven_close_counts() {
        let (before, after) = (at("2026-11-22T02:30:00Z"), at("2026-11-22T03:30:00Z"));
        let until = Some("2026-11-22T03:00:00Z");
        let status = |last: Option<LastSession>, now| {
            let lane = last.as_ref().map_or(Lane::Gate, |last| last.lane);
            TargetStatus::of(target(), lane, last.as_ref(), None, now).state
        };
        assert_eq!(status(None, before), TargetState::Closed);
        assert_eq!(status(Some(known(None, false, Lane::Gate)), before), TargetState::Closed);
        assert_eq!(status(Some(known(until, false, Lane::Gate)), before), TargetState::Open);
        assert_eq!(status(Some(known(until, false, Lane::Gate)), after), TargetState::Unproven);
        assert_eq!(status(Some(known(until, true, Lane::Gate)), before), TargetState::Closed);
        assert_eq!(status(Some(known(until, false, Lane::Static)), before), TargetState::Open);
        assert_eq!(status(Some(known(until, false, Lane::Static)), after), TargetState::Closed);
    }

    #[test]
    fn iam_overrides_the_ledger() {
        let now = at("2026-11-22T02:30:00Z");
        let until = at("2026-11-22T03:00:00Z");
        let open = known(Some("2026-11-22T03:00:00Z"), false, Lane::Gate);
        let status = |last, seen: UserState| TargetStatus::of(target(), Lane::Gate, last, Some(&seen), now);
        assert!(!status(Some(&open), UserState::AtRest).may_be_open, "another person closed it");
        let others = status(None, UserState::Open { session: session(2), until });
        assert!(others.may_be_open && !others.own && others.until == Some(until));
        assert!(status(Some(&open), UserState::Open { session: session(1), until }).own);
        let untidy = status(Some(&open), UserState::Untidy(Vec::new()));
        assert!(!untidy.may_be_open && untidy.state == TargetState::Untidy);
    }

    fn entry(record: Record) -> Entry {
        Entry { v: 1, seq: 0, prev: String::new(), torn: None, at: at("2026-11-22T02:00:00Z"), record }
    }

    /// Each session begins a minute after the one before.
    fn t0(number: u8) -> Timestamp {
        at(&format!("2026-11-22T02:{number:02}:00Z"))
    }

    fn intended(number: u8, until: &str, lane: Lane) -> [Entry; 2] {
        let session = session(number);
        let (from, until) = (t0(number), at(until));
        let intent = Record::Intent {
            session,
            vault: String::new(),
            epoch: 1,
            credentials_epoch: 1,
            sha256: String::new(),
            lane,
            target: target(),
            regions: Vec::new(),
            principals: Box::default(),
            window: 60,
            reason: "x".into(),
            again: None,
            no_alert: None,
            drill_of: None,
            endpoint: None,
        };
        [entry(intent), entry(Record::Ends { session, from, until })]
    }

    fn closed(number: u8, probed: bool) -> Entry {
        entry(Record::Closed { session: session(number), probed, cause: "x".into() })
    }

    fn opened(number: u8) -> Entry {
        let (from, until) = (t0(number), at("2026-11-22T03:00:00Z"));
        entry(Record::Opened { session: session(number), from, until })
    }

    #[test]
    fn a_session_that_is_earlier_by_the_aws_clock_closes_no_later_one() {
        let until = "2026-11-22T03:00:00Z";
        let earlier = [&intended(1, until, Lane::Gate)[..], &[opened(1), closed(1, true)]].concat();
        let open = [&intended(2, until, Lane::Gate)[..], &[opened(2)]].concat();
        // The clock of another machine is fast, so its records come after those of the open session.
        for order in [[&open[..], &earlier[..]].concat(), [&earlier[..], &open[..]].concat()] {
            let last = last(&order).remove(0);
            assert!(last.session == session(2) && !last.closed, "{last:?}");
        }
    }

    #[test]
    fn a_later_session_that_opened_nothing_does_not_hide_an_earlier_one() {
        let now = at("2026-11-22T02:30:00Z");
        let (long, short) = ("2026-11-22T03:00:00Z", "2026-11-22T02:20:00Z");
        for lane in [Lane::Gate, Lane::Static] {
            let status = |more: &[Entry]| {
                let first = intended(1, long, lane).into_iter().chain([opened(1)]);
                let entries: Vec<_> =
                    first.chain(intended(2, short, lane)).chain(more.iter().cloned()).collect();
                let last = last(&entries).remove(0);
                let seen = UserState::Open { session: session(1), until: at(long) };
                let status = TargetStatus::of(target(), lane, Some(&last), Some(&seen), now);
                assert!(status.own, "the ledger has both");
                TargetStatus::of(target(), lane, Some(&last), None, now)
            };
            let refused = status(&[closed(2, false)]);
            assert_eq!((refused.state, refused.session), (TargetState::Open, Some(session(1))));
            // Opening a gate, or proving it closed, shows that no earlier session is open; for a role it shows nothing.
            let over = if lane == Lane::Gate { TargetState::Closed } else { TargetState::Open };
            assert_eq!(status(&[opened(2), closed(2, false)]).state, over);
            assert_eq!(status(&[closed(2, true)]).state, over);
            assert_eq!(status(&[closed(2, false), closed(1, false)]).state, TargetState::Closed);
            assert_eq!(status(&[closed(2, false), closed(1, false), opened(1)]).state, TargetState::Open);
        }
    }
}
