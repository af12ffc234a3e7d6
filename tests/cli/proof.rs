//! Tests of what a close reports as proven. In the tests, a write takes effect late or never, AWS refuses a write, or
//! another process has a session. Each close must report the truth and exit with the right status.

use std::time::Duration;

use rig::aws::Probe;
use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};

use crate::two_of_two;

/// Returns the screen as one line with single spaces.
fn words(person: &Person) -> String {
    person.transcript().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the field `probed` of the ledger's last record `closed`.
fn is_probed(vault: &SealedVault) -> bool {
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let last = ledger.lines().rfind(|line| line.contains("\"kind\":\"closed\"")).expect("a record");
    last.contains("\"probed\":true")
}

#[test]
fn a_close_waits_for_a_deny_that_takes_effect_after_25_seconds() {
    let vault = two_of_two("late-deny").all_plugged();
    let mut person = vault.open("5m").run(&["sleep", "300"]).by_quorum();
    person.expect("gate: open");
    vault.account.lag(Duration::from_secs(25));
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(143), "{}", person.transcript());
    let said = words(&person);
    // `AWSDenyAll` was not yet in effect during the probes with the active key.
    assert!(said.contains("closed; AWS refuses the session; the key is inactive"), "{said}");
    assert!(!said.contains("by policy") && is_probed(&vault), "{said}");
    assert!(said.contains("proving that access is closed"), "{said}");
}

#[test]
fn if_the_deny_never_takes_effect_access_is_proven_closed_only_after_t1() {
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
fn if_the_deny_never_takes_effect_and_the_operator_stops_waiting_the_exit_status_is_10() {
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
fn if_the_deny_cannot_be_attached_the_key_is_deactivated_and_the_failure_is_reported() {
    let vault = two_of_two("refused-deny").all_plugged();
    let mut person = vault.open("30s").hold().until_open();
    vault.account.take_from_closer("iam:AttachUserPolicy");
    person.type_raw(b"q");
    assert_eq!(person.wait_within(Duration::from_mins(2)), End::Code(1), "{}", person.transcript());
    let said = words(&person);
    assert!(said.contains("AWSDenyAll could not be attached"), "{said}");
    assert!(!said.contains("by policy"), "{said}");
    let rest = vault.account.rest();
    assert!(
        !rest.denied && !rest.key_active,
        "the key should be inactive although AWSDenyAll is not attached"
    );
}

#[test]
fn if_the_key_cannot_be_deactivated_a_probe_proves_the_deny_and_the_failure_is_reported() {
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
fn a_close_reports_that_sessions_issued_by_another_process_were_not_probed() {
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
    assert!(
        matches!(vault.account.probe(&session), Probe::Refused(_)),
        "AWSDenyAll should also end the session of the other process"
    );
}
