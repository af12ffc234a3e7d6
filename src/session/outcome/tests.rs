use super::*;
use crate::boot_clock::Instant;
use crate::error::Status;
use crate::gate::SessionId;
use crate::gate::close::{KeyRefusal, Refusals};
use crate::signal::Signal;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn window() -> Window {
    let (from, until) = (at("2026-11-22T02:17:00Z"), at("2026-11-22T02:47:00Z"));
    Window { from, until, deadline: Instant::now() }
}

/// Returns the outcome of a run that recorded a window and wrote nothing to AWS. `end` is how the run ended.
fn ended(end: End) -> RunOutcome {
    RunOutcome { window: Some(window()), ..RunOutcome::new(end) }
}

/// Returns the outcome of a run whose window was open. `closed` is the result of the run's closing sequence.
fn opened(end: End, closed: CloseOutcome) -> RunOutcome {
    RunOutcome {
        was_enabled: true,
        open_for: Some(Duration::from_secs(90)),
        closed: Some(closed),
        ..ended(end)
    }
}

fn all_refused() -> Refusals {
    Refusals { key: Some(KeyRefusal::ByPolicy), session: true }
}

fn probed() -> CloseOutcome {
    CloseOutcome::Closed { refusals: all_refused(), untidy: None }
}

fn unproven() -> CloseOutcome {
    CloseOutcome::Unproven { why: "no answer".into(), until: None }
}

fn advice(static_vault: Option<&str>) -> Advice {
    let target = TargetId {
        name: "prod".into(),
        partition: "aws".into(),
        account: "111122223333".into(),
        user: "emergency".into(),
    };
    Advice {
        how_to_close: HowToClose::new("v.age".as_ref(), &target, Lane::Gate),
        open_static: static_vault.map(|vault| format!("breakglass open {vault} --for 5m --reason INC-1")),
    }
}

fn error(outcome: &RunOutcome) -> Error {
    outcome.result(&advice(None), at("2026-11-22T02:20:00Z")).expect_err("an error")
}

#[test]
fn a_window_that_was_open_and_is_closed_is_a_success() {
    for cause in [Cause::Deadline, Cause::ChildEnded, Cause::Quit] {
        let outcome = opened(End::Closed(cause), probed());
        assert!(outcome.result(&advice(None), at("2026-11-22T02:20:00Z")).is_ok());
        assert_eq!(outcome.topic(), AlertTopic::Closed);
        assert_eq!(outcome.closed_because(), Some((true, messages::cause(cause))));
    }
}

#[test]
fn after_a_proven_close_the_exit_status_is_that_of_the_signal() {
    let outcome = opened(End::Closed(Cause::Signal(Signal::Term)), probed());
    assert_eq!(error(&outcome).status, Status::Signal(Signal::Term));
    let untouched = ended(End::Untouched(Cause::Signal(Signal::Int)));
    assert_eq!(error(&untouched).status, Status::Signal(Signal::Int));
    let open = opened(End::MayBeOpen(Cause::Signal(Signal::Int)), unproven());
    assert_eq!(error(&open).status, Status::MayBeOpen);
}

#[test]
fn an_unproven_close_is_reported_as_open_access_only_if_access_was_enabled() {
    let open = opened(End::MayBeOpen(Cause::Deadline), unproven());
    let refused = error(&open);
    assert_eq!((refused.status, refused.until), (Status::MayBeOpen, Some(window().until)));
    assert!(refused.what.contains("no answer"), "{refused}");
    assert_eq!((open.topic(), open.closed_because()), (AlertTopic::MayBeOpen, None));

    let never = RunOutcome { was_enabled: false, open_for: None, ..open };
    assert_eq!(error(&never).status, Status::Refused);
    assert_eq!(never.topic(), AlertTopic::NotOpened);
}

#[test]
fn a_session_that_has_a_window_in_the_ledger_is_recorded_as_closed() {
    let untouched = ended(End::Untouched(Cause::Failed));
    assert_eq!(untouched.closed_because(), Some((false, "nothing was enabled".into())));
    assert_eq!(RunOutcome { window: None, ..untouched }.closed_because(), None);
}

#[test]
fn a_window_that_ended_before_it_opened_is_an_error() {
    let outcome = RunOutcome { open_for: None, ..opened(End::Closed(Cause::Deadline), probed()) };
    assert_eq!(error(&outcome).status, Status::Refused);
}

#[test]
fn the_error_of_a_failed_run_keeps_its_status_and_says_that_access_is_closed() {
    let failure = Some(Stop::Failed(Error::refused("the gate was replaced")));
    let failed = error(&RunOutcome { failure, ..opened(End::Closed(Cause::Failed), probed()) });
    assert_eq!(
        (failed.status, failed.what.as_str()),
        (Status::Refused, "the gate was replaced; access is proven closed")
    );
    let panicked = error(&opened(End::Closed(Cause::Panicked), probed()));
    assert_eq!(
        (panicked.status, panicked.what.as_str()),
        (Status::Failed, "internal error; access is proven closed")
    );
}

#[test]
fn the_gate_of_another_session_is_reported_as_open_access() {
    let (session, until) = (SessionId::from_bytes([7; 8]), at("2026-11-22T03:05:00Z"));
    let theirs = || CloseOutcome::TakenOver { session, until, was_closed: false };
    for cause in [Cause::Deadline, Cause::ChildEnded, Cause::Signal(Signal::Int), Cause::Failed] {
        let outcome = opened(End::MayBeOpen(cause), theirs());
        let said = error(&outcome);
        assert_eq!((said.status, said.until), (Status::MayBeOpen, Some(until)), "{said}");
        assert!(said.what.contains(&session.to_string()) && !said.what.contains("proven"), "{said}");
        assert_eq!((outcome.topic(), outcome.closed_because()), (AlertTopic::MayBeOpen, None));

        // This session did not enable access, so only the other session has access.
        let nothing = RunOutcome { was_enabled: false, open_for: None, ..outcome };
        let said = error(&nothing);
        assert_eq!(said.status, Status::Refused);
        assert!(said.what.contains("enabled nothing") && said.what.contains(&session.to_string()), "{said}");
        assert_eq!(nothing.topic(), AlertTopic::NotOpened);
        assert_eq!(nothing.closed_because(), Some((false, NOTHING_ENABLED.to_owned())));
    }
}

#[test]
fn an_opening_that_met_the_window_of_another_machine_reports_that_access_is_open() {
    let until = Some(window().until);
    let met = Error::new(Status::MayBeOpen, "another machine opened a window").until(until);
    let outcome =
        RunOutcome { failure: Some(Stop::OtherWindow(met)), ..ended(End::Untouched(Cause::Failed)) };
    let said = error(&outcome);
    assert_eq!((said.status, said.until), (Status::MayBeOpen, until));
    assert_eq!((outcome.topic(), outcome.closed_because()), (AlertTopic::MayBeOpen, None));
}

#[test]
fn an_untidy_user_is_an_error_with_the_commands_that_close_it() {
    let untidy = CloseOutcome::Closed {
        refusals: all_refused(),
        untidy: Some("the key could not be deactivated".into()),
    };
    let said = error(&opened(End::Closed(Cause::Quit), untidy));
    assert_eq!(said.status, Status::Failed);
    assert!(said.next.is_some_and(|next| next.contains("aws iam attach-user-policy")));
}

#[test]
fn if_iams_control_plane_fails_the_error_suggests_the_static_vault() {
    let failure = Some(Stop::ControlPlane(Error::refused("IAM does not answer").next("wait")));
    let outcome = RunOutcome { failure, ..ended(End::Untouched(Cause::Failed)) };
    let next =
        |vault| outcome.result(&advice(vault), window().from).expect_err("an error").next.expect("a step");
    assert!(next(Some("static.age")).contains("breakglass open static.age"));
    assert!(next(None).starts_with("wait; "));
}
