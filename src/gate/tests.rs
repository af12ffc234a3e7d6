//! Tests the opening and the closing sequence with an emergency user in memory: the order of the calls, and a fault
//! at each call.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::close::{CloseOutcome, CloseRequest, close};
use super::fake::{ACCOUNT, ALL_WRONG, EXTRA_KEY, FakeUser, KEY, Lag, OpenerOf, Wrong, now};
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

/// Returns T1 of the window that the opening recorded.
fn end_of(user: &FakeUser) -> Option<Timestamp> {
    user.window.get().map(|window| window.until)
}

fn try_close(user: &FakeUser, progress: &OpenProgress) -> CloseOutcome {
    let expected = FakeUser::expected();
    let request =
        CloseRequest { deny: &expected.deny, key: Some(KEY), session: Some(session()), until: end_of(user) };
    now(close(user, user, &request, progress.pending(), user))
}

fn is_probed(outcome: &CloseOutcome) -> bool {
    matches!(outcome, CloseOutcome::Closed { refusals, untidy: None } if refusals.probed())
}

fn is_closed(outcome: &CloseOutcome) -> bool {
    matches!(outcome, CloseOutcome::Closed { untidy: None, .. })
}

#[test]
fn without_an_acknowledgement_nothing_is_intended_and_aws_is_not_called() {
    let user = FakeUser::at_rest();
    user.unacknowledged.set(true);
    let progress = OpenProgress::default();
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert_eq!(error.status, Status::Failed);
    assert!(user.alerted.get() && !user.intended.get() && !progress.touched());
    assert!(user.calls.borrow().is_empty());
}

fn refusal(result: Result<Window, Stop>) -> crate::error::Error {
    match result {
        Err(Stop::Failed(error) | Stop::ControlPlane(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Writes the gate of another session. The gate ends after `seconds`.
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
fn an_opening_writes_the_gate_first_and_enables_last() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    let opened = try_open(&user, &progress, ACCOUNT).expect("open");
    assert_eq!(
        *user.calls.borrow(),
        [
            "GetCallerIdentity",
            "Read",
            "AttachUserPolicy",
            "Deactivate",
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
fn a_close_denies_deactivates_and_proves_it() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    user.calls.borrow_mut().clear();
    assert!(is_probed(&try_close(&user, &progress)));
    let calls = user.calls.borrow().clone();
    let probes = ["ProbeKey"; 4];
    let expected: Vec<_> =
        ["ReadAccess", "AttachUserPolicy"].into_iter().chain(probes).chain(["Deactivate"]).collect();
    assert_eq!(calls[..7], expected, "the deny should be seen at work before the key is deactivated");
    assert!(user.denied.get() && !user.active.get() && user.children_ended.get());
    assert!(user.calls.borrow().iter().filter(|call| **call == "ProbeSession").count() >= 3);
}

#[test]
fn aws_ends_the_window_at_t1_without_a_close() {
    let user = FakeUser::at_rest();
    let opened = try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
    user.advance(opened.until.duration_since(user.clock.get()).as_secs() - 1);
    assert!(user.usable());
    user.advance(1);
    assert!(!user.usable());
}

#[test]
fn drift_another_account_and_an_open_window_stop_an_opening_before_its_first_write() {
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
fn an_untidy_user_is_closed_and_then_opened() {
    for (denied, active, seconds) in [(false, true, -1), (true, true, 600), (false, false, -1)] {
        let user = FakeUser::at_rest();
        foreign_gate(&user, seconds);
        user.denied.set(denied);
        user.active.set(active);
        try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
        let calls = user.calls.borrow();
        let attach = calls.iter().position(|call| *call == "AttachUserPolicy").expect("a close");
        let put = calls.iter().position(|call| *call == "PutUserPolicy").expect("a gate write");
        assert!(attach < put && user.usable());
    }
}

#[test]
fn a_closer_that_is_not_allowed_to_close_stops_the_opening_before_the_gate_is_written() {
    for (call, action) in [(2, "iam:AttachUserPolicy"), (3, "iam:UpdateAccessKey")] {
        let user = FakeUser::at_rest();
        user.wrong.set(Some((call, Wrong::Refused)));
        let progress = OpenProgress::default();
        let began = user.clock.get();
        let error = refusal(try_open(&user, &progress, ACCOUNT));
        assert_eq!(error.status, Status::Refused);
        assert!(error.what.contains("closer") && error.what.contains(action), "{error}");
        assert!(!progress.touched() && user.gate.borrow().is_none(), "nothing should be written");
        assert!(user.clock.get().duration_since(began).as_secs() <= 2, "a refusal should not be tried again");
    }
}

#[test]
fn a_key_that_becomes_active_during_the_opening_stops_it_and_is_deactivated() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    user.extra_key.set(Some(true));
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.what.contains(EXTRA_KEY) && !progress.touched(), "another active key is drift: {error}");

    let user = FakeUser::at_rest();
    // The first look shows no other key. The key is active when the keys are read again.
    user.extra_key_from.set(Some(8));
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.what.contains(EXTRA_KEY) && progress.touched(), "{error}");
    assert!(!user.calls.borrow().contains(&"GetSessionToken"), "nothing should be handed out");
    assert!(is_probed(&try_close(&user, &progress)));
    assert_eq!(user.extra_key.get(), Some(false), "a close deactivates every key");
}

#[test]
fn a_deny_that_takes_effect_late_is_not_called_probed() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    // A close from another machine: no session was issued here. The deny takes effect 25 s after AWS acknowledged it.
    user.forget_session();
    user.lag.set(Lag { shown: 0, counts: 25 });
    user.deny_lags_alone.set(true);
    let outcome = try_close(&user, &progress);
    let CloseOutcome::Closed { refusals, untidy: None } = outcome else { panic!("{outcome:?}") };
    assert!(!refusals.probed(), "{refusals:?}");
    assert!(!user.active.get() && user.denied.get());
}

#[test]
fn a_principal_that_may_only_attach_the_deny_closes_and_leaves_the_key() {
    let user = FakeUser::at_rest();
    try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
    user.may_not_switch.set(true);
    let expected = FakeUser::expected();
    let request = CloseRequest { deny: &expected.deny, key: None, session: None, until: end_of(&user) };
    let outcome = now(close(&user, &NoKey, &request, None, &user));
    let CloseOutcome::Closed { refusals, untidy: Some(why) } = outcome else { panic!("{outcome:?}") };
    assert!(!refusals.probed() && why.contains("the key is still active"), "{why}");
    assert!(user.denied.get() && user.active.get() && !user.accepts());
}

/// A machine without the emergency user's credentials.
struct NoKey;

impl super::iam::Emergency for NoKey {
    async fn probe_key(&self) -> Option<super::iam::Probed> {
        None
    }

    fn ready_in(&self) -> Duration {
        Duration::ZERO
    }

    async fn issue_session(&self, _: &super::iam::Wanted<'_>) -> super::fault::Write {
        panic!("a close issues no session")
    }

    async fn probe_session(&self) -> Option<super::iam::Probed> {
        None
    }
}

#[test]
fn without_a_recorded_intent_aws_is_not_called() {
    let user = FakeUser::at_rest();
    user.intended.set(true);
    refusal(try_open(&user, &OpenProgress::default(), ACCOUNT));
    assert!(user.calls.borrow().is_empty());
}

/// Opens and closes. Checks that the reported outcome of the close is true, for any injected fault.
fn check_end(user: &FakeUser, case: &str) {
    let progress = OpenProgress::default();
    let opened = try_open(user, &progress, ACCOUNT);
    assert!(!user.endless.get(), "{case}: the key was usable while IAM had no gate");
    assert!(user.opener_gone.get(), "{case}: the opener was not dropped");
    if opened.is_err() && !progress.touched() {
        assert!(!user.usable(), "{case}: the key was usable although the opening wrote nothing");
        return;
    }
    match try_close(user, &progress) {
        CloseOutcome::Closed { untidy: None, .. } => {
            assert!(
                !user.usable() && user.denied.get() && !user.active.get(),
                "{case}: the user is not at rest"
            );
            user.advance(24 * 3600);
            assert!(!user.usable() && !user.endless.get(), "{case}: the key was usable after the close");
        }
        CloseOutcome::Unproven { .. } => {
            user.advance(1800);
            assert!(!user.usable(), "{case}: the key was usable after T1");
        }
        other => panic!("{case}: {other:?}"),
    }
}

#[test]
fn with_a_fault_at_any_call_access_is_closed_or_reported_as_open() {
    for wrong in ALL_WRONG {
        for lasting in [false, true] {
            for call in 0..40 {
                let user = FakeUser::at_rest();
                user.wrong.set(Some((call, wrong)));
                user.lasting.set(lasting);
                check_end(&user, &format!("{wrong:?} at {call}, lasting: {lasting}"));
            }
        }
    }
}

#[test]
fn an_opening_can_be_stopped_before_every_call() {
    for call in 0..20 {
        let user = FakeUser::at_rest();
        user.stop_at.set(Some(call));
        check_end(&user, &format!("stopped at {call}"));
    }
}

#[test]
fn a_lost_reply_is_read_back_and_a_throttled_write_is_sent_again() {
    for (wrong, call) in [
        (Wrong::ReplyLost, 2),
        (Wrong::Throttled, 3),
        (Wrong::ReplyLost, 4),
        (Wrong::ReplyLost, 6),
        (Wrong::ReplyLost, 8),
        (Wrong::Throttled, 4),
    ] {
        let user = FakeUser::at_rest();
        user.wrong.set(Some((call, wrong)));
        let progress = OpenProgress::default();
        try_open(&user, &progress, ACCOUNT).unwrap_or_else(|_| panic!("{wrong:?} at {call}"));
        assert_eq!(progress.pending(), None);
    }
}

#[test]
fn a_write_that_takes_effect_after_the_close_is_found() {
    let user = FakeUser::at_rest();
    user.wrong.set(Some((7, Wrong::Late)));
    let progress = OpenProgress::default();
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.what.contains("detaching AWSDenyAll") && progress.pending().is_some(), "{error}");
    assert!(is_closed(&try_close(&user, &progress)));
    assert!(user.denied.get() && !user.usable());
    assert!(user.words.borrow().iter().any(|line| line.contains("a late write arrived")));
}

#[test]
fn a_refusal_from_before_the_opening_took_effect_proves_nothing() {
    let user = FakeUser::at_rest();
    user.lag.set(Lag { shown: 0, counts: 15 });
    // Stops the opening after the deny is detached and before a probe is accepted.
    user.stop_at.set(Some(8));
    let progress = OpenProgress::default();
    assert!(matches!(try_open(&user, &progress, ACCOUNT), Err(Stop::Interrupted)));
    assert!(progress.lifted());
    user.advance(5);
    let outcome = try_close(&user, &progress);
    assert!(is_closed(&outcome) && !is_probed(&outcome), "{outcome:?}");
    for _ in 0..60 {
        assert!(!user.accepts(), "access was open after a proven close");
        user.advance(1);
    }
}

#[test]
fn a_close_that_stops_watching_for_a_late_write_is_unproven() {
    let user = FakeUser::at_rest();
    user.wrong.set(Some((7, Wrong::Late)));
    let progress = OpenProgress::default();
    refusal(try_open(&user, &progress, ACCOUNT));
    user.wrong.set(None);
    user.gave_up.set(true);
    let outcome = try_close(&user, &progress);
    assert!(matches!(outcome, CloseOutcome::Unproven { until, .. } if until == end_of(&user)), "{outcome:?}");
}

#[test]
fn the_window_of_another_session_is_left_alone() {
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
fn without_iam_an_end_is_proven_by_the_probe_and_reported_as_untidy() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    user.advance(1800);
    // IAM does not answer, but the service that is probed answers.
    let broken = BrokenIam(&user);
    let expected = FakeUser::expected();
    let request =
        CloseRequest { deny: &expected.deny, key: Some(KEY), session: Some(session()), until: end_of(&user) };
    let outcome = now(close(&broken, &user, &request, None, &user));
    assert!(
        matches!(outcome, CloseOutcome::Closed { refusals, untidy: Some(_) } if refusals.probed()),
        "{outcome:?}"
    );
}

/// The closer of a user in memory, if IAM does not answer.
struct BrokenIam<'a>(&'a FakeUser);

impl super::iam::Closer for BrokenIam<'_> {
    async fn read_access_state(&self) -> super::snapshot::AccessState {
        self.0.wrong.set(Some((self.0.calls.borrow().len(), Wrong::RequestLost)));
        let access = super::iam::Closer::read_access_state(self.0).await;
        self.0.wrong.set(None);
        access
    }

    async fn attach_deny(&self) -> super::fault::Write {
        Err(super::fault::Fault::Unknown("IAM does not answer".into()))
    }

    async fn switch_key(&self, _: &str, _: bool) -> super::fault::Write {
        Err(super::fault::Fault::Unknown("IAM does not answer".into()))
    }
}

#[test]
fn after_two_refused_one_time_codes_the_opening_stops_asking_for_a_session() {
    let user = FakeUser::at_rest();
    user.codes.set(true);
    let progress = OpenProgress::default();
    // AWS refuses the call that issues the AWS session, and every later call.
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
