//! Where a user stands: what this ledger and, where it was asked, IAM say of the last window on it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::gate::SessionId;
use crate::ledger::record::{Entry, Record};
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// A session that a ledger knows of; the one of its user that counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastSession {
    /// Which.
    pub session: SessionId,
    /// The user.
    pub target: TargetId,
    /// How its window was made.
    pub lane: Lane,
    /// T0, by AWS's clock, once it was fixed.
    pub from: Option<Timestamp>,
    /// T1, once it was fixed. Before that nothing was written to AWS.
    pub until: Option<Timestamp>,
    /// It is on record as closed.
    pub closed: bool,
    /// Other sessions of the same user.
    pub earlier: Vec<SessionId>,
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
    /// Not at rest, behind a gate that is none of ours: nobody knows its end.
    Unbounded,
    /// Not at rest, and no gate's end is ahead.
    Untidy,
}

/// How it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
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
pub enum StatusSource {
    /// This machine's ledger alone.
    Ledger,
    /// IAM.
    Iam,
}

/// One user and how it stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TargetStatus {
    /// The user.
    pub target: TargetId,
    /// How its windows are made.
    pub lane: Lane,
    /// How it stands.
    pub state: TargetState,
    /// Access may be open.
    pub may_be_open: bool,
    /// The session, if one is known.
    pub session: Option<SessionId>,
    /// It is this machine's.
    pub own: bool,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
    /// Who says so.
    pub source: StatusSource,
}

/// Every session that a ledger knows of, in the order of their intents.
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
            // It goes on, whatever a close beside it has found.
            Record::Ends { from, until, .. } => {
                let of = &mut all[place];
                (of.from, of.until, of.closed) = (Some(*from), Some(*until), false);
            }
            // A gate is opened on a user at rest, and the probe shows the user and not a session: what was
            // before is over.
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

/// The sessions before this one on the same gate are over; a role's go on by themselves. What was before is told by AWS's
/// clock, which is in T0: the records of several machines stand in an order that their own clocks made.
fn close_before(all: &mut [LastSession], place: usize) {
    let LastSession { lane: Lane::Gate, from: Some(from), target, .. } = &all[place] else { return };
    let (from, target) = (*from, target.clone());
    let is_before = |of: &&mut LastSession| !of.closed && of.from.is_some_and(|own| own < from);
    let of_same = |of: &&mut LastSession| is_before(of) && of.is_of(&target, Lane::Gate);
    all.iter_mut().filter(of_same).for_each(|of| of.closed = true);
}

/// Of each user the session that counts, in the order of their first: whichever of those that were not closed ends
/// last, else the newest. A later one that came to nothing says nothing of an earlier one.
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
    /// It is of this user, by this lane.
    pub fn is_of(&self, target: &TargetId, lane: Lane) -> bool {
        (&self.target.account, &self.target.user, self.lane) == (&target.account, &target.user, lane)
    }

    /// This ledger intended that session.
    fn knows(&self, session: SessionId) -> bool {
        self.session == session || self.earlier.contains(&session)
    }

    /// T1, if nobody has closed it.
    fn end(&self) -> Option<Timestamp> {
        self.until.filter(|_| !self.closed)
    }
}

impl TargetStatus {
    /// What a user's last session and IAM amount to, at `now`. IAM knows better, but it shows no role's session.
    pub fn of(target: TargetId, lane: Lane, last: Option<&LastSession>, seen: &Seen, now: Timestamp) -> Self {
        let own = |session| last.is_some_and(|last| last.knows(session));
        let (state, session, until, source) = match seen {
            Seen::Ahead { session, until } => {
                (TargetState::Open, Some(*session), Some(*until), StatusSource::Iam)
            }
            Seen::AtRest => {
                (TargetState::Closed, last.map(|l| l.session), last.and_then(|l| l.until), StatusSource::Iam)
            }
            Seen::Unbounded => (TargetState::Open, None, None, StatusSource::Iam),
            Seen::Untidy => {
                (TargetState::Untidy, last.map(|l| l.session), last.and_then(|l| l.until), StatusSource::Iam)
            }
            Seen::NotAsked => {
                let state = last.map_or(TargetState::Closed, |last| last.state(now));
                (state, last.map(|l| l.session), last.and_then(|l| l.until), StatusSource::Ledger)
            }
        };
        let may_be_open = matches!(state, TargetState::Open | TargetState::Unproven);
        Self { target, lane, state, may_be_open, session, own: session.is_some_and(own), until, source }
    }
}

impl LastSession {
    /// As far as the ledger goes.
    fn state(&self, now: Timestamp) -> TargetState {
        match (self.closed, self.until) {
            (true, _) | (false, None) => TargetState::Closed,
            (false, Some(until)) if now < until => TargetState::Open,
            // A role's session ends by itself, and leaves nothing behind to be shut.
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
    fn the_ledger_alone_trusts_only_what_was_proven() {
        let (before, after) = (at("2026-11-22T02:30:00Z"), at("2026-11-22T03:30:00Z"));
        let until = Some("2026-11-22T03:00:00Z");
        let judged = |last: Option<LastSession>, now| {
            let lane = last.as_ref().map_or(Lane::Gate, |last| last.lane);
            TargetStatus::of(target(), lane, last.as_ref(), &Seen::NotAsked, now).state
        };
        assert_eq!(judged(None, before), TargetState::Closed);
        assert_eq!(judged(Some(known(None, false, Lane::Gate)), before), TargetState::Closed);
        assert_eq!(judged(Some(known(until, false, Lane::Gate)), before), TargetState::Open);
        assert_eq!(judged(Some(known(until, false, Lane::Gate)), after), TargetState::Unproven);
        assert_eq!(judged(Some(known(until, true, Lane::Gate)), before), TargetState::Closed);
        assert_eq!(judged(Some(known(until, false, Lane::Static)), before), TargetState::Open);
        assert_eq!(judged(Some(known(until, false, Lane::Static)), after), TargetState::Closed);
    }

    #[test]
    fn iam_knows_better_than_the_ledger() {
        let now = at("2026-11-22T02:30:00Z");
        let until = at("2026-11-22T03:00:00Z");
        let open = known(Some("2026-11-22T03:00:00Z"), false, Lane::Gate);
        let judged = |last, seen: &Seen| TargetStatus::of(target(), Lane::Gate, last, seen, now);
        assert!(!judged(Some(&open), &Seen::AtRest).may_be_open, "somebody else closed it");
        let others = judged(None, &Seen::Ahead { session: session(2), until });
        assert!(others.may_be_open && !others.own && others.until == Some(until));
        assert!(judged(Some(&open), &Seen::Ahead { session: session(1), until }).own);
        let untidy = judged(Some(&open), &Seen::Untidy);
        assert!(!untidy.may_be_open && untidy.state == TargetState::Untidy);
    }

    fn entry(record: Record) -> Entry {
        Entry { v: 1, seq: 0, prev: String::new(), torn: None, at: at("2026-11-22T02:00:00Z"), record }
    }

    /// A minute after the one before.
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
    fn what_stands_later_on_record_and_was_earlier_by_aws_closes_nothing() {
        let until = "2026-11-22T03:00:00Z";
        let earlier = [&intended(1, until, Lane::Gate)[..], &[opened(1), closed(1, true)]].concat();
        let open = [&intended(2, until, Lane::Gate)[..], &[opened(2)]].concat();
        // Another machine's clock is fast, so its session stands after the one that is open.
        for order in [[&open[..], &earlier[..]].concat(), [&earlier[..], &open[..]].concat()] {
            let last = last(&order).remove(0);
            assert!(last.session == session(2) && !last.closed, "{last:?}");
        }
    }

    #[test]
    fn a_later_session_that_came_to_nothing_hides_no_earlier_one() {
        let now = at("2026-11-22T02:30:00Z");
        let (long, short) = ("2026-11-22T03:00:00Z", "2026-11-22T02:20:00Z");
        for lane in [Lane::Gate, Lane::Static] {
            let standing = |more: &[Entry]| {
                let first = intended(1, long, lane).into_iter().chain([opened(1)]);
                let entries: Vec<_> =
                    first.chain(intended(2, short, lane)).chain(more.iter().cloned()).collect();
                let last = last(&entries).remove(0);
                let seen = Seen::Ahead { session: session(1), until: at(long) };
                assert!(TargetStatus::of(target(), lane, Some(&last), &seen, now).own, "both are one's own");
                TargetStatus::of(target(), lane, Some(&last), &Seen::NotAsked, now)
            };
            let refused = standing(&[closed(2, false)]);
            assert_eq!((refused.state, refused.session), (TargetState::Open, Some(session(1))));
            // What opens a gate, or proves it shut, has found nothing open before; of a role it says nothing.
            let over = if lane == Lane::Gate { TargetState::Closed } else { TargetState::Open };
            assert_eq!(standing(&[opened(2), closed(2, false)]).state, over);
            assert_eq!(standing(&[closed(2, true)]).state, over);
            assert_eq!(standing(&[closed(2, false), closed(1, false)]).state, TargetState::Closed);
            assert_eq!(standing(&[closed(2, false), closed(1, false), opened(1)]).state, TargetState::Open);
        }
    }
}
