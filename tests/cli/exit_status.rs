//! Every exit status of docs/reference/exit-codes.md, one by one.

use rig::aws::Drift;
use rig::night::Night;
use rig::pty::{End, Person, Signal};

use crate::PROGRAM;

fn night(name: &str) -> Night {
    Night::new(PROGRAM, name, &["alice", "bob"]).plugged(&["alice", "bob"])
}

fn opened(night: &Night, work: &[&str]) -> Person {
    let arguments = [&["open", "prod.age", "--for", "5m", "--reason", "INC-1"], work].concat();
    let mut person = night.office.person(&arguments);
    night.office.quorum(&mut person, 2);
    person
}

fn ends(mut person: Person, status: i32) {
    assert_eq!(person.wait(), End::Code(status), "{}", person.transcript());
}

#[test]
fn the_table_lists_exactly_the_ones_below() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/exit-codes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split("| exit status | meaning |").nth(1).expect("the table");
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| "));
    let statuses: Vec<_> = rows.map(|row| row.split(" |").next().unwrap_or_default()).collect();
    assert_eq!(statuses, ["0", "1", "2", "3", "4", "5", "6", "10", "128+n"]);
}

/// An opening that ends without a single prompt.
fn before_anybody_is_asked(night: &Night) -> Person {
    let arguments = ["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--hold"];
    let mut person = night.office.person(&arguments);
    person.wait();
    assert!(!person.transcript().contains("passphrase part"), "{}", person.transcript());
    person
}

#[test]
fn zero_is_done() {
    let night = night("status-0");
    ends(opened(&night, &["--", "true"]), 0);
}

#[test]
fn one_is_a_failure_without_a_status_of_its_own() {
    let night = night("status-1");
    // A ledger cannot be where a file is.
    std::fs::write(night.office.path("state"), "no directory").unwrap();
    ends(before_anybody_is_asked(&night), 1);
    assert!(night.account.journal().is_empty(), "nothing was asked of AWS");
}

#[test]
fn two_is_a_wrong_command_line() {
    let night = night("status-2");
    for wrong in [&["open"][..], &["open", "prod.age", "--for", "9h", "--reason", "x"], &["nonsense"]] {
        assert_eq!(night.office.command(wrong).output().unwrap().status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn three_is_no_quorum() {
    let night = night("status-3");
    night.office.pull("bob");
    let mut person = night.office.person(&["open", "prod.age", "--for", "5m", "--reason", "x", "--hold"]);
    night.office.answer(&mut person, "alice");
    person.expect("waiting for");
    person.eof();
    ends(person, 3);
}

#[test]
fn four_is_no_quorum_for_a_tokens_failure_alone() {
    let night = night("status-4");
    night.office.custodian("alice").token.block_pin();
    let person = &mut night.office.person(&["open", "prod.age", "--for", "5m", "--reason", "x", "--hold"]);
    assert_eq!(night.office.humour(person), End::Code(4), "{}", person.transcript());
}

#[test]
fn five_is_aws_refusing_with_nothing_enabled() {
    let night = night("status-5");
    night.account.drift(Drift::Group);
    ends(opened(&night, &["--hold"]), 5);
    assert!(night.is_shut());
}

#[test]
fn six_is_a_damaged_vault_or_ledger() {
    let night = night("status-6");
    let mut vault = std::fs::read(night.office.path("prod.age")).unwrap();
    vault.truncate(vault.len() - 1);
    std::fs::write(night.office.path("cut.age"), vault).unwrap();
    let inspected = night.office.command(&["inspect", "cut.age"]).output().unwrap();
    assert_eq!(inspected.status.code(), Some(6));

    ends(opened(&night, &["--", "true"]), 0);
    let ledger = night.office.path("state/ledger.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, text.replacen("INC-1", "INC-2", 1)).unwrap();
    ends(before_anybody_is_asked(&night), 6);
    assert_eq!(night.office.command(&["status"]).output().unwrap().status.code(), Some(6));
    assert!(night.is_shut());
}

#[test]
fn ten_is_access_that_may_still_be_open() {
    let night = night("status-10");
    let now = night.account.now();
    night.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = night.office.person(&["close", "prod.age"]);
    night.office.quorum(&mut person, 2);
    ends(person, 10);
    assert!(night.is_open());
}

#[test]
fn a_signal_ends_it_after_access_was_closed() {
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        let night = night("status-128");
        let mut person = opened(&night, &["--hold"]);
        person.expect("left");
        person.send_signal(signal);
        ends(person, 128 + signal as i32);
        assert!(night.is_shut() && night.account.rest().at_rest());
    }
}
