//! Tests of the opening sequence.

use super::*;

#[test]
fn without_an_acknowledged_alert_no_intent_is_recorded_and_aws_is_not_called() {
    let user = FakeUser::at_rest();
    user.unacknowledged.set(true);
    let progress = OpenProgress::default();
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert_eq!(error.status, Status::Failed);
    assert!(user.alerted.get() && !user.intended.get() && !progress.touched());
    assert!(user.calls.borrow().is_empty());
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
fn an_opening_first_closes_what_an_earlier_session_left_open() {
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
    let refusals = [(2, "iam:AttachUserPolicy"), (3, "iam:UpdateAccessKey")];
    let left =
        [(true, false, None), (false, true, Some(-1)), (true, true, Some(600)), (false, false, Some(-1))];
    for ((call, action), (denied, active, seconds)) in
        refusals.into_iter().flat_map(|refusal| left.map(|left| (refusal, left)))
    {
        let user = FakeUser::at_rest();
        seconds.inspect(|seconds| foreign_gate(&user, *seconds));
        user.denied.set(denied);
        user.active.set(active);
        user.wrong.set(Some((call, Wrong::Refused)));
        let progress = OpenProgress::default();
        let began = user.clock.get();
        let error = refusal(try_open(&user, &progress, ACCOUNT));
        assert_eq!(error.status, Status::Refused);
        assert!(error.what.contains("closer") && error.what.contains(action), "{error}");
        assert!(!progress.touched(), "nothing should be enabled");
        assert!(!user.calls.borrow().contains(&"PutUserPolicy"), "no gate should be written");
        assert!(user.clock.get().duration_since(began).as_secs() <= 2, "a refusal should not be tried again");
    }
}

#[test]
fn a_second_key_that_becomes_active_stops_the_opening_and_is_deactivated() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    user.extra_key.set(Some(true));
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(
        error.what.contains(EXTRA_KEY) && !progress.touched(),
        "another active key should be reported as drift: {error}"
    );

    let user = FakeUser::at_rest();
    // The first read shows no other access key. When the keys are read again, another access key is active.
    user.extra_key_from.set(Some(8));
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.what.contains(EXTRA_KEY) && progress.touched(), "{error}");
    assert!(!user.calls.borrow().contains(&"GetSessionToken"), "nothing should be handed out");
    assert!(is_probed(&try_close(&user, &progress)));
    assert_eq!(user.extra_key.get(), Some(false), "a close deactivates every key");
}

#[test]
fn without_a_recorded_intent_aws_is_not_called() {
    let user = FakeUser::at_rest();
    user.intended.set(true);
    refusal(try_open(&user, &OpenProgress::default(), ACCOUNT));
    assert!(user.calls.borrow().is_empty());
}

#[test]
fn after_a_lost_reply_iam_is_read_and_a_throttled_write_is_sent_again() {
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
fn after_two_refused_one_time_codes_the_opening_stops_asking_for_a_session() {
    let user = FakeUser::at_rest();
    user.codes.set(true);
    let progress = OpenProgress::default();
    // AWS refuses the call that issues the AWS session and every later call.
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
