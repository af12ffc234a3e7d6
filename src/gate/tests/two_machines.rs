//! Tests of an opening and of an open window while another machine changes the user.

use super::*;
use crate::gate::{Lost, until_lost};

/// Simulates the open window of another machine: a foreign gate, an active key, and no `AWSDenyAll`.
fn other_opens(user: &FakeUser) {
    foreign_gate(user, 600);
    user.active.set(true);
    user.denied.set(false);
}

fn first(user: &FakeUser, name: &str) -> usize {
    user.calls.borrow().iter().position(|call| *call == name).expect("the call")
}

fn call_of_an_opening(name: &str) -> usize {
    let user = FakeUser::at_rest();
    try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
    first(&user, name)
}

#[test]
fn a_deny_that_this_opening_did_not_detach_shows_the_window_of_another_machine() {
    let user = FakeUser::at_rest();
    user.meanwhile.set(Some((call_of_an_opening("PutUserPolicy"), other_opens)));
    let progress = OpenProgress::default();
    let began = user.clock.get();
    let Err(Stop::OtherWindow(error)) = try_open(&user, &progress, ACCOUNT) else {
        panic!("the window of the other machine should be recognised");
    };
    assert_eq!((error.status, error.until), (Status::MayBeOpen, end_of(&user)));
    assert!(error.what.contains("another machine opened a window"), "{error}");
    assert!(user.clock.get().duration_since(began).as_secs() <= 2, "recognised at once");
    assert!(user.usable(), "the window of the other machine is left alone");
    let calls = user.calls.borrow();
    let after = &calls[first(&user, "PutUserPolicy") + 1..];
    assert!(
        after.iter().all(|call| *call == "Read"),
        "the opening should not write after it has recognised the other window: {after:?}"
    );
}

#[test]
fn an_opening_whose_gate_is_replaced_stops_and_does_not_close_the_other_window() {
    let user = FakeUser::at_rest();
    user.meanwhile.set(Some((call_of_an_opening("ReadAccess"), |user| foreign_gate(user, 600))));
    let progress = OpenProgress::default();
    let error = refusal(try_open(&user, &progress, ACCOUNT));
    assert!(error.what.contains("replaced by session 0101010101010101"), "{error}");
    let outcome = try_close(&user, &progress);
    assert!(matches!(outcome, CloseOutcome::TakenOver { .. }), "{outcome:?}");
    assert!(user.usable(), "the window of the other machine is left alone");
}

#[test]
fn an_open_window_notices_within_30_seconds_that_another_process_closed_or_replaced_it() {
    type Row = (fn(&FakeUser), Lost);
    let other = SessionId::from_bytes([1; 8]);
    let table: [Row; 5] = [
        (|user| user.denied.set(true), Lost::Closed),
        (
            |user| {
                user.denied.set(true);
                user.active.set(false);
            },
            Lost::Closed,
        ),
        (|user| drop(user.gate.take()), Lost::Closed),
        (
            |user| {
                user.denied.set(true);
                foreign_gate(user, 600);
            },
            Lost::Closed,
        ),
        (|user| foreign_gate(user, 600), Lost::Replaced { session: other, until: Timestamp::MAX }),
    ];
    for (change, expected) in table {
        let user = FakeUser::at_rest();
        let window = try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
        // The window is open for ten minutes before the other process changes the user.
        let calls = user.calls.borrow().len();
        user.meanwhile.set(Some((calls + 40, change)));
        let plan = FakeUser::expected();
        let lost = now(until_lost(&user, &plan.scope(), session(), &user));
        match (lost, expected) {
            (Lost::Replaced { session, .. }, Lost::Replaced { .. }) => assert_eq!(session, other),
            (lost, expected) => assert_eq!(lost, expected),
        }
        let checks = user.calls.borrow().len() - calls;
        assert_eq!(checks, 42, "the change should be read twice");
        let waited = user.clock.get().duration_since(window.from).as_secs();
        assert!(waited <= 41 * 15 + 3 + 5, "{waited} s");
    }
}

/// Closes access while another machine opens a window at the close's call `at`. Returns the outcome of the close, and
/// whether the close wrote to IAM after the call `at`.
fn close_while_other_opens(user: &FakeUser, progress: &OpenProgress, at: usize) -> (CloseOutcome, bool) {
    let at = user.calls.borrow().len() + at;
    user.meanwhile.set(Some((at, other_opens)));
    let outcome = try_close(user, progress);
    let calls = user.calls.borrow();
    let is_read = |call: &&str| call.starts_with("Read") || call.starts_with("Probe");
    (outcome, !calls[at..].iter().all(is_read))
}

#[test]
fn a_close_does_not_end_a_window_that_another_machine_opens_during_the_close() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    let before = user.calls.borrow().len();
    try_close(&user, &progress);
    let after_writes =
        1 + user.calls.borrow()[before..].iter().position(|call| *call == "Deactivate").expect("a write");

    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    let began = user.clock.get();
    let (outcome, wrote) = close_while_other_opens(&user, &progress, after_writes + 1);
    assert!(
        matches!(outcome, CloseOutcome::TakenOver { session, until, was_closed: false }
            if session == SessionId::from_bytes([1; 8]) && Some(until) == user.written_end()),
        "{outcome:?}"
    );
    assert!(!wrote && user.usable(), "the window of the other machine is left alone");
    assert!(user.clock.get().duration_since(began).as_secs() <= 10, "reported at once");
}

#[test]
fn a_close_does_not_end_a_window_that_another_machine_opened_under_this_openings_gate() {
    let user = FakeUser::at_rest();
    let progress = OpenProgress::default();
    try_open(&user, &progress, ACCOUNT).expect("open");
    // Another machine has detached `AWSDenyAll`, because this opening has not sent that write.
    let outcome = try_close(&user, &OpenProgress::default());
    assert!(matches!(outcome, CloseOutcome::TakenOver { was_closed: false, .. }), "{outcome:?}");
    assert!(user.usable(), "the window of the other machine is left alone");
}

#[test]
fn an_opening_that_closes_leftovers_does_not_end_a_window_that_opens_meanwhile() {
    let interrupted = || {
        let user = FakeUser::at_rest();
        foreign_gate(&user, 600);
        user.active.set(true);
        user
    };
    let user = interrupted();
    try_open(&user, &OpenProgress::default(), ACCOUNT).expect("open");
    let closes = first(&user, "Deactivate") + 1;

    let user = interrupted();
    user.meanwhile.set(Some((closes, other_opens)));
    let error = refusal(try_open(&user, &OpenProgress::default(), ACCOUNT));
    assert!(error.what.contains("a window is already open"), "{error}");
    let calls = user.calls.borrow();
    assert!(
        calls[closes..].iter().all(|call| call.starts_with("Read") || call.starts_with("Probe")),
        "the opening should not write after it has recognised the other window: {calls:?}"
    );
    assert!(user.usable(), "the window of the other machine is left alone");
}
