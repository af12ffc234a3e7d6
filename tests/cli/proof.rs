//! What a close says it has proven, if a write takes effect late or never, if a write is refused, and if another
//! process holds a session. Each close ends with the right words and the right exit status.

use std::time::Duration;

use rig::aws::Probe;
use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};

use crate::two_of_two;

/// The screen as one line with single spaces.
fn words(person: &Person) -> String {
    person.transcript().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the last `closed` record of the ledger: whether the close was probed.
fn is_probed(vault: &SealedVault) -> bool {
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let last = ledger.lines().rfind(|line| line.contains("\"kind\":\"closed\"")).expect("a record");
    last.contains("\"probed\":true")
}

#[test]
fn a_deny_that_takes_effect_after_25_seconds_is_waited_for() {
    let vault = two_of_two("late-deny").all_plugged();
    let mut person = vault.open("5m").run(&["sleep", "300"]).by_quorum();
    person.expect("gate: open");
    vault.account.lag(Duration::from_secs(25));
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(143), "{}", person.transcript());
    let said = words(&person);
    // The probes before the keys were deactivated did not show the deny.
    assert!(said.contains("closed; AWS refuses the session; the key is inactive"), "{said}");
    assert!(!said.contains("by policy") && is_probed(&vault), "{said}");
    assert!(said.contains("proving that access is closed"), "{said}");
}

#[test]
fn a_deny_that_never_takes_effect_leaves_the_proof_to_the_end_of_the_window() {
    let vault = two_of_two("no-deny").all_plugged();
    let mut person = vault.open("40s").run(&["sleep", "300"]).by_quorum();
    person.expect("gate: open");
    vault.account.lag(Duration::from_hours(1));
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait_within(Duration::from_mins(2)), End::Code(143), "{}", person.transcript());
    let said = words(&person);
    assert!(
        said.contains("the window's time is over, so the gate itself refuses every credential"),
        "{said}"
    );
}

#[test]
fn a_deny_that_never_takes_effect_is_exit_10_if_the_operator_stops_waiting() {
    let vault = two_of_two("no-patience").all_plugged();
    let mut person = vault.open("5m").run(&["sleep", "300"]).by_quorum();
    person.expect("gate: open");
    vault.account.lag(Duration::from_hours(1));
    person.send_signal(Signal::SIGTERM);
    person.expect_within(Duration::from_secs(30), "proving that access is closed");
    for _ in 0..2 {
        person.send_signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    let said = words(&person);
    assert!(!said.contains("close: closed") && said.contains("access may still be open, until"), "{said}");
}

#[test]
fn a_deny_that_cannot_be_attached_is_named_and_the_keys_go_first() {
    let vault = two_of_two("refused-deny").all_plugged();
    let mut person = vault.open("30s").hold().until_open();
    vault.account.take_from_closer("iam:AttachUserPolicy");
    person.type_raw(b"q");
    assert_eq!(person.wait_within(Duration::from_mins(2)), End::Code(1), "{}", person.transcript());
    let said = words(&person);
    assert!(said.contains("AWSDenyAll could not be attached"), "{said}");
    assert!(!said.contains("by policy"), "{said}");
    let rest = vault.account.rest();
    assert!(!rest.denied && !rest.key_active, "the key should be inactive although the deny is missing");
}

#[test]
fn a_key_that_cannot_be_deactivated_is_named_and_the_deny_is_probed() {
    let vault = two_of_two("refused-key").all_plugged();
    let mut person = vault.open("5m").hold().until_open();
    vault.account.take_from_closer("iam:UpdateAccessKey");
    person.type_raw(b"q");
    assert_eq!(person.wait_within(Duration::from_mins(2)), End::Code(1), "{}", person.transcript());
    let said = words(&person);
    assert!(said.contains("the key could not be deactivated"), "{said}");
    assert!(said.contains("access is refused, but the user is not at rest"), "{said}");
    let rest = vault.account.rest();
    assert!(rest.denied && rest.key_active);
    assert!(vault.is_closed());
}

#[test]
fn a_session_that_another_process_issued_is_named_as_not_probed() {
    let vault = two_of_two("other-session").all_plugged();
    let mut person = vault.open("5m").hold().until_open();
    let session = vault.aws.session(&vault.account.emergency).expect("the window should be open");
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let said = words(&person);
    assert!(
        said.contains("AWS refused the key by policy; sessions that another process issued were not probed"),
        "{said}"
    );
    assert!(matches!(vault.account.probe(&session), Probe::Refused(_)), "the deny also ends that session");
}
