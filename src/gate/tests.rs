//! The sequences of open and close against an emergency user in memory, with every call going wrong in turn.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::close::{CloseOutcome, CloseRequest, close};
use super::fake::{ACCOUNT, ALL_WRONG, FakeUser, KEY, Lag, OpenerOf, Wrong, now};
use super::open::{HandOut, OpenPlan, Stop, open};
use super::policy::{Gate, parse_gate};
use super::{OpenProgress, SessionId, Window};
use crate::error::Status;

const WINDOW: Duration = Duration::from_mins(30);

fn session() -> SessionId {
    SessionId::from_bytes([0x7f; 8])
}

fn grant() -> Vec<Value> {
    vec![json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})]
}

fn try_open(user: &FakeUser, progress: &OpenProgress, account: &str) -> Result<Window, Stop> {
    let plan = OpenPlan {
        expected: &FakeUser::expected(),
        account,
        grant: &grant(),
        regions: &["eu-west-1".into()],
        mfa: false,
        session: session(),
        window: WINDOW,
        hand_out: HandOut::Session,
    };
    now(open(OpenerOf(user), user, user, &plan, progress, user))
}

/// T1 of the window that the opening recorded.
fn end_of(user: &FakeUser) -> Option<Timestamp> {
    user.window.get().map(|window| window.until)
}

fn try_close(user: &FakeUser, progress: &OpenProgress) -> CloseOutcome {
    let keys = [KEY.to_owned()];
    let expected = FakeUser::expected();
    let request = CloseRequest {
        deny: &expected.deny,
        keys: Some(&keys),
        session: Some(session()),
        until: end_of(user),
    };
    now(close(user, user, &request, progress.pending(), user))
}

#[test]
fn where_nobody_is_told_nothing_is_intended_and_nothing_asked() {
    let user = FakeUser::at_rest();
    user.deaf.set(true);
    let progress = OpenProgress::default();
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert_eq!(error.status, Status::Failed);
    assert!(user.told.get() && !user.intended.get() && !progress.touched());
}

fn refusal(result: Result<Window, Stop>) -> crate::error::Error {
    match result {
        Err(Stop::Failed(error) | Stop::ControlPlane(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A gate of another session on the user, with this many seconds left.
fn foreign_gate(user: &FakeUser, seconds: i64) {
    let gate = Gate {
        session: SessionId::from_bytes([1; 8]),
        from: user.clock.get(),
        until: user.clock.get().checked_add(jiff::SignedDuration::from_secs(seconds)).expect("an instant"),
        grant: &grant(),
        regions: &["eu-west-1".into()],
        mfa: false,
    };
    *user.gate.borrow_mut() = Some(gate.document());
}

#[test]
fn it_opens_in_the_order_of_the_design() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    let opened = try_open(&user, &progress, ACCOUNT).expect("open");
    assert_eq!(
        *user.calls.borrow(),
        [
            "GetCallerIdentity",
            "Read",
            "PutUserPolicy",
            "Read",
            "Activate",
            "DetachUserPolicy",
            "ProbeKey",
            "ProbeKey",
            "ProbeKey",
            "ReadAccess",
            "GetSessionToken",
            "ProbeSession",
            "ProbeSession",
            "ProbeSession",
        ]
    );
    assert!(user.usable() && user.opener_gone.get() && progress.pending().is_none());
    let gate = user.gate.borrow().as_ref().and_then(parse_gate).expect("a gate");
    assert_eq!((gate.session, gate.until), (session(), opened.until));
    assert_eq!(opened.until.duration_since(opened.from).as_secs(), 1800);
}

#[test]
fn it_closes_and_proves_it() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    user.calls.borrow_mut().clear();
    assert_eq!(try_close(&user, &progress), CloseOutcome::Closed { probed: true, untidy: None });
    assert_eq!(user.calls.borrow()[..3], ["ReadAccess", "AttachUserPolicy", "Deactivate"]);
    assert!(user.denied.get() && !user.active.get() && user.children_ended.get());
    assert!(user.calls.borrow().iter().filter(|call| **call == "ProbeSession").count() >= 3);
}

#[test]
fn aws_ends_it_by_itself() {
    let user = FakeUser::at_rest();
    let opened = try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
    user.advance(opened.until.duration_since(user.clock.get()).as_secs() - 1);
    assert!(user.usable());
    user.advance(1);
    assert!(!user.usable());
}

#[test]
fn drift_another_account_and_somebodys_window_stop_it_before_its_first_write() {
    let drifted = FakeUser::at_rest();
    drifted.groups.borrow_mut().push("admins".into());
    let progress = OpenProgress::default();
    let error = refusal(try_open(&drifted, &progress, ACCOUNT));
    assert_eq!(error.status, Status::Refused);
    assert!(error.what.contains("group admins") && !progress.touched(), "{error}");

    let other = FakeUser::at_rest();
    let error = refusal(try_open(&other, &progress, "999999999999"));
    assert!(error.what.contains(ACCOUNT) && error.what.contains("999999999999"), "{error}");

    let open = FakeUser::at_rest();
    foreign_gate(&open, 600);
    open.denied.set(false);
    open.active.set(true);
    let error = refusal(try_open(&open, &progress, ACCOUNT));
    assert!(
        error.what.contains("0101010101010101") && error.what.contains("2026-11-22 02:27:00 UTC"),
        "{error}"
    );
    assert!(!progress.touched());
    for user in [&drifted, &other, &open] {
        assert!(!user.calls.borrow().iter().any(|call| call.contains("Put") || call.contains("tach")));
    }
}

#[test]
fn an_untidy_end_is_closed_and_then_opened() {
    for (denied, active, seconds) in [(false, true, -1), (true, true, 600), (false, false, -1)] {
        let user = FakeUser::at_rest();
        foreign_gate(&user, seconds);
        user.denied.set(denied);
        user.active.set(active);
        try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
        let calls = user.calls.borrow();
        let attach = calls.iter().position(|call| *call == "AttachUserPolicy").expect("closed first");
        let put = calls.iter().position(|call| *call == "PutUserPolicy").expect("then opened");
        assert!(attach < put && user.usable());
    }
}

#[test]
fn nothing_is_written_when_the_intent_cannot_be() {
    let user = FakeUser::at_rest();
    user.intended.set(true);
    refusal(try_open(&user, &OpenProgress::default(), ACCOUNT));
    assert!(user.calls.borrow().is_empty());
}

/// What must hold after an opening that went wrong somewhere, and the close after it.
fn ends_well(user: &FakeUser, case: &str) {
    let progress = OpenProgress::default();
    let opened = try_open(user, &progress, ACCOUNT);
    assert!(!user.endless.get(), "{case}: usable without an end");
    assert!(user.opener_gone.get(), "{case}: the opener is still there");
    if opened.is_err() && !progress.touched() {
        assert!(!user.usable(), "{case}: untouched and usable");
        return;
    }
    match try_close(user, &progress) {
        CloseOutcome::Closed { untidy: None, .. } => {
            assert!(!user.usable() && user.denied.get() && !user.active.get(), "{case}: said to be shut");
            user.advance(24 * 3600);
            assert!(!user.usable() && !user.endless.get(), "{case}: later");
        }
        CloseOutcome::Unproven { .. } => {
            user.advance(1800);
            assert!(!user.usable(), "{case}: not even AWS ended it");
        }
        other => panic!("{case}: {other:?}"),
    }
}

#[test]
fn whatever_call_goes_wrong_it_ends_shut_or_says_so() {
    for wrong in ALL_WRONG {
        for lasting in [false, true] {
            for call in 0..40 {
                let user = FakeUser::at_rest();
                user.wrong.set(Some((call, wrong)));
                user.lasting.set(lasting);
                ends_well(&user, &format!("{wrong:?} at {call}, lasting: {lasting}"));
            }
        }
    }
}

#[test]
fn it_can_be_stopped_before_every_call() {
    for call in 0..20 {
        let user = FakeUser::at_rest();
        user.stop_at.set(Some(call));
        ends_well(&user, &format!("stopped at {call}"));
    }
}

#[test]
fn a_lost_reply_is_read_back_and_a_throttled_write_goes_out_again() {
    for (wrong, call) in
        [(Wrong::ReplyLost, 2), (Wrong::ReplyLost, 4), (Wrong::ReplyLost, 6), (Wrong::Throttled, 2)]
    {
        let user = FakeUser::at_rest();
        user.wrong.set(Some((call, wrong)));
        let progress = OpenProgress::default();
        // The reading back moves the later calls on by one.
        try_open(&user, &progress, ACCOUNT).unwrap_or_else(|_| panic!("{wrong:?} at {call}"));
        assert_eq!(progress.pending(), None);
    }
}

#[test]
fn a_write_that_arrives_after_the_close_is_found() {
    let user = FakeUser::at_rest();
    user.wrong.set(Some((5, Wrong::Late)));
    let progress = OpenProgress::default();
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.what.contains("detaching AWSDenyAll") && progress.pending().is_some(), "{error}");
    assert_eq!(try_close(&user, &progress), CloseOutcome::Closed { probed: true, untidy: None });
    assert!(user.denied.get() && !user.usable());
    assert!(user.words.borrow().iter().any(|line| line.contains("a late write arrived")));
}

#[test]
fn a_refusal_from_before_the_opening_took_effect_proves_nothing() {
    let user = FakeUser::at_rest();
    user.lag.set(Lag { shown: 0, counts: 15 });
    // After the deny was detached, before anybody was let in.
    user.stop_at.set(Some(6));
    let progress = OpenProgress::default();
    assert!(matches!(try_open(&user, &progress, ACCOUNT), Err(Stop::Interrupted)));
    assert!(progress.lifted());
    user.advance(5);
    assert_eq!(try_close(&user, &progress), CloseOutcome::Closed { probed: true, untidy: None });
    for _ in 0..60 {
        assert!(!user.lets_in(), "said to be shut, and opened late");
        user.advance(1);
    }
}

#[test]
fn who_does_not_want_to_watch_is_told_that_it_may_be_open() {
    let user = FakeUser::at_rest();
    user.wrong.set(Some((5, Wrong::Late)));
    let progress = OpenProgress::default();
    refusal(try_open(&user, &progress, ACCOUNT));
    user.wrong.set(None);
    user.gave_up.set(true);
    let outcome = try_close(&user, &progress);
    assert!(matches!(outcome, CloseOutcome::Unproven { until, .. } if until == end_of(&user)), "{outcome:?}");
}

#[test]
fn anothers_window_is_left_alone() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    let opened = try_open(&user, &progress, ACCOUNT).expect("open");
    foreign_gate(&user, 900);
    let outcome = try_close(&user, &progress);
    assert!(
        matches!(outcome, CloseOutcome::TakenOver { session, .. } if session == SessionId::from_bytes([1; 8]))
    );
    assert!(user.usable() && user.children_ended.get() && opened.until > user.clock.get());
}

#[test]
fn an_end_without_iam_is_proven_by_the_probe_and_said_to_be_untidy() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    user.advance(1800);
    // IAM is gone; the probe's service is not.
    let broken = BrokenIam(&user);
    let keys = [KEY.to_owned()];
    let expected = FakeUser::expected();
    let request = CloseRequest {
        deny: &expected.deny,
        keys: Some(&keys),
        session: Some(session()),
        until: end_of(&user),
    };
    let outcome = now(close(&broken, &user, &request, None, &user));
    assert!(matches!(outcome, CloseOutcome::Closed { probed: true, untidy: Some(_) }), "{outcome:?}");
}

struct BrokenIam<'a>(&'a FakeUser);

impl super::iam::Closer for BrokenIam<'_> {
    async fn read_access_state(&self) -> super::snapshot::AccessState {
        self.0.wrong.set(Some((self.0.calls.borrow().len(), Wrong::RequestLost)));
        let access = super::iam::Closer::read_access_state(self.0).await;
        self.0.wrong.set(None);
        access
    }

    async fn attach_deny(&self) -> super::fault::Write {
        Err(super::fault::Fault::Unknown("IAM is gone".into()))
    }

    async fn switch_key(&self, _: &str, _: bool) -> super::fault::Write {
        Err(super::fault::Fault::Unknown("IAM is gone".into()))
    }
}

#[test]
fn a_second_one_time_code_that_is_refused_is_the_last() {
    let user = FakeUser::at_rest();
    user.codes.set(true);
    let progress = OpenProgress::default();
    // Everything from the session on is refused.
    let before = {
        let user = FakeUser::at_rest();
        try_open(&user, &OpenProgress::default(), ACCOUNT).expect("opens");
        user.calls.borrow().iter().position(|call| *call == "GetSessionToken").expect("a session")
    };
    user.wrong.set(Some((before, Wrong::Refused)));
    user.lasting.set(true);
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.next.expect("a next step").contains("MFA device"));
    let tries = user.calls.borrow().iter().filter(|call| **call == "GetSessionToken").count();
    assert_eq!(tries, 2);
    let words = user.words.borrow().join("\n");
    assert!(words.contains("trying again") && words.contains("next one-time code"), "{words}");
}
