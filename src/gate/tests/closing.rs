//! Tests of the closing sequence after successful and after failed openings.

use super::*;

#[test]
fn a_close_attaches_the_deny_deactivates_the_key_and_proves_that_access_is_closed() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    user.calls.borrow_mut().clear();
    assert!(is_probed(&try_close(&user, &progress)));
    let calls = user.calls.borrow().clone();
    let probes = ["ProbeKey"; 4];
    let expected: Vec<_> =
        ["ReadAccess", "AttachUserPolicy"].into_iter().chain(probes).chain(["Deactivate"]).collect();
    assert_eq!(
        calls[..7],
        expected,
        "probes should show that AWSDenyAll is in effect before the key is deactivated"
    );
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
fn a_close_whose_deny_takes_effect_late_is_not_reported_as_probed() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    // The close runs on another machine, which issued no session. `AWSDenyAll` takes effect 25 s after AWS acknowledged
    // the write.
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
    let request =
        CloseRequest { deny: &expected.deny, key: None, session: None, lifted: false, until: end_of(&user) };
    let outcome = now(close(&user, &NoKey, &request, None, &user));
    let CloseOutcome::Closed { refusals, untidy: Some(why) } = outcome else { panic!("{outcome:?}") };
    assert!(!refusals.probed() && why.contains("the key is still active"), "{why}");
    assert!(user.denied.get() && user.active.get() && !user.accepts());
}

/// A machine without the emergency user's credentials.
struct NoKey;

impl crate::gate::iam::Emergency for NoKey {
    async fn probe_key(&self) -> Option<crate::gate::iam::Probed> {
        None
    }

    fn ready_in(&self) -> Duration {
        Duration::ZERO
    }

    async fn issue_session(&self, _: &crate::gate::iam::Wanted<'_>) -> crate::gate::fault::Write {
        panic!("a close issues no session")
    }

    async fn probe_session(&self) -> Option<crate::gate::iam::Probed> {
        None
    }
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
        CloseOutcome::Closed { untidy, .. } => {
            // If AWS refuses to list the user's keys, the close reports the refusal, and the sealed key is inactive.
            assert!(
                untidy.is_none_or(|why| why.contains("has other active keys")),
                "{case}: the user is not at rest"
            );
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
        other @ CloseOutcome::TakenOver { .. } => panic!("{case}: {other:?}"),
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
fn a_close_finds_a_write_of_the_opening_that_takes_effect_late() {
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
fn a_refusal_that_reflects_the_state_before_the_opening_proves_nothing() {
    let user = FakeUser::at_rest();
    user.lag.set(Lag { shown: 0, counts: 15 });
    // Stops the opening after `AWSDenyAll` is detached and before AWS accepts a probe.
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
fn a_close_does_not_end_the_window_of_another_session() {
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
fn if_iam_does_not_answer_a_probe_proves_the_close_and_the_user_is_reported_as_untidy() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    user.advance(1800);
    // IAM does not answer, but SNS, the probed service, answers.
    let broken = BrokenIam(&user);
    let expected = FakeUser::expected();
    let request = CloseRequest {
        deny: &expected.deny,
        key: Some(KEY),
        session: Some(session()),
        lifted: true,
        until: end_of(&user),
    };
    let outcome = now(close(&broken, &user, &request, None, &user));
    assert!(
        matches!(outcome, CloseOutcome::Closed { refusals, untidy: Some(_) } if refusals.probed()),
        "{outcome:?}"
    );
}

/// The closer of a user in memory, for an IAM that does not answer.
struct BrokenIam<'a>(&'a FakeUser);

impl crate::gate::iam::Closer for BrokenIam<'_> {
    async fn read_access_state(&self) -> crate::gate::snapshot::AccessState {
        self.0.wrong.set(Some((self.0.calls.borrow().len(), Wrong::RequestLost)));
        let access = crate::gate::iam::Closer::read_access_state(self.0).await;
        self.0.wrong.set(None);
        access
    }

    async fn attach_deny(&self) -> crate::gate::fault::Write {
        Err(crate::gate::fault::Fault::Unknown("IAM does not answer".into()))
    }

    async fn switch_key(&self, _: &str, _: bool) -> crate::gate::fault::Write {
        Err(crate::gate::fault::Fault::Unknown("IAM does not answer".into()))
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
