//! Closing: what is closed already, what is somebody else's, and which target is meant.
#![cfg(feature = "cloud")]

use rig::aws::{Account, Aws, Probe};
use rig::night::Night;
use rig::office::Office;
use rig::pty::{End, Person};
use serde_json::json;

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");

fn night(name: &str) -> Night {
    Night::new(PROGRAM, name, &["alice", "bob"]).plugged(&["alice", "bob"])
}

fn close(office: &Office, more: &[&str]) -> Person {
    let mut person = office.person(&[&["close", "prod.age"], more].concat());
    office.quorum(&mut person, 2);
    person
}

#[test]
fn closing_what_is_closed_changes_nothing_and_says_so() {
    let Night { office, account, .. } = night("closed");
    for _ in 0..2 {
        let mut person = close(&office, &[]);
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        assert!(account.rest().at_rest());
    }
}

#[test]
fn the_window_of_another_machine_is_closed_only_by_force() {
    let Night { office, account, .. } = night("another");
    let now = account.now();
    account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = close(&office, &[]);
    assert_eq!(person.wait(), End::Code(10), "access is open: {}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("feedfacefeedface") && said.contains("--force"), "{said}");
    assert!(matches!(account.probe(&account.emergency), Probe::Open), "it was left alone");
    let mut person = close(&office, &["--force"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(account.rest().at_rest());
    assert!(matches!(account.probe(&account.emergency), Probe::Shut(_)));
}

#[test]
fn of_several_targets_one_is_named() {
    let aws = Aws::shared();
    let account = aws.seed("several");
    let office = Office::enrolled(PROGRAM, &["alice", "bob"]).with_aws(&aws);
    let drill = account.beside("drill", "drill");
    let targets = [account.target(Account::grant(), "4h"), drill.target(Account::grant(), "1h")];
    office.seal(&json!({"version": 1, "targets": targets}), 2);
    office.plug("alice");
    office.plug("bob");
    let mut person = office.person(&["open", "prod.age", "--for", "5m", "--reason", "x", "--", "true"]);
    assert_eq!(person.wait(), End::Code(2));
    assert!(person.transcript().contains("say which one with --target"), "{}", person.transcript());
    let mut person =
        office.person(&["unseal", "prod.age", "--for", "5m", "--reason", "x", "--target", "drill", "--hold"]);
    office.quorum(&mut person, 2);
    person.expect("left");
    assert!(matches!(drill.probe(&drill.emergency), Probe::Open));
    assert!(matches!(account.probe(&account.emergency), Probe::Shut(_)), "the other target stays shut");
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn without_a_network_nothing_is_enabled_and_it_is_said() {
    let Night { office, .. } = night("offline");
    let mut command = office.offline(&["open", "prod.age", "--for", "5m", "--reason", "x", "--", "true"]);
    command.env("AWS_MAX_ATTEMPTS", "1");
    let mut person = Person::run(command);
    office.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().contains("nothing was written to AWS"), "{}", person.transcript());
}
