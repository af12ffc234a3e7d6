mod damage;

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;

use super::*;
use crate::error::Status;
use crate::gate::SessionId;
use crate::vault::target::TargetId;

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("breakglass-ledger-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn ledger(&self) -> Ledger {
        Ledger::at(self.0.join("state"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 8])
}

fn now() -> Timestamp {
    "2026-11-22T02:17:00Z".parse().expect("an instant")
}

fn intent(number: u8) -> Record {
    Record::Intent {
        session: session(number),
        vault: "v".into(),
        epoch: 1,
        credentials_epoch: 1,
        lane: crate::vault::manifest::Lane::Gate,
        sha256: hex::encode([7; 32]),
        target: TargetId {
            name: "prod".into(),
            partition: "aws".into(),
            account: "111122223333".into(),
            user: "emergency".into(),
        },
        regions: Vec::new(),
        principals: Box::default(),
        window: 1800,
        reason: "INC-1: SSO down".into(),
        again: None,
        no_alert: None,
        drill_of: None,
        extra_key: None,
        older_epoch: None,
        endpoints: Vec::new(),
        network: None,
    }
}

fn closed(number: u8) -> Record {
    Record::Closed { session: session(number), probed: true, cause: "deadline".into() }
}

#[test]
fn a_session_is_known_after_its_intent_was_recorded() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    assert!(!ledger.knows_session(session(1)).expect("a missing file should count as empty"));
    ledger.append(now(), intent(1)).expect("append");
    assert!(ledger.knows_session(session(1)).expect("read"));
    assert!(!ledger.knows_session(session(2)).expect("read"));
    let unclosed = |user: &str| {
        let unclosed = ledger.unclosed("111122223333", user).expect("read");
        unclosed.into_iter().map(|of| of.session).collect::<Vec<_>>()
    };
    ledger.append(now(), intent(2)).expect("append");
    assert_eq!(unclosed("emergency"), [session(1), session(2)]);
    assert_eq!(unclosed("other"), []);
    ledger.append(now(), closed(1)).expect("append");
    assert_eq!(unclosed("emergency"), [session(2)]);
}

#[test]
fn only_the_owner_can_read_the_file() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    ledger.append(now(), intent(1)).expect("append");
    let mode = |path: PathBuf| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(ledger.path()), 0o600);
    assert_eq!(mode(scratch.0.join("state")), 0o700);
}

#[test]
fn missing_records_of_a_copy_are_listed() {
    let record = |seq| (seq, [0; 32]);
    assert!(verify::holes(&[]).is_empty());
    assert_eq!(verify::holes(&[record(0), record(1), record(1), record(4), record(6)]), [2, 3, 5]);
    assert_eq!(verify::copied(b"garbage\n"), Err(1));
}

#[test]
fn concurrent_writers_take_turns() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let ledger = &ledger;
            scope.spawn(move || {
                for _ in 0..25 {
                    ledger.append(now(), intent(number)).expect("append");
                }
            });
        }
    });
    assert_eq!(ledger.entries().expect("the records should chain").len(), 8 * 25);
}

#[test]
fn only_one_of_several_concurrent_intents_for_the_same_credentials_succeeds() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    let excused = |number: u8, why: Option<&str>, drill: Option<&str>| {
        let mut record = intent(number);
        if let Record::Intent { again, drill_of, .. } = &mut record {
            (*again, *drill_of) = (why.map(str::to_owned), drill.map(str::to_owned));
        }
        record
    };
    let succeeded = std::thread::scope(|scope| {
        let ledger = &ledger;
        let all: Vec<_> =
            (0..8).map(|number| scope.spawn(move || ledger.intend(now(), intent(number)).is_ok())).collect();
        all.into_iter().filter_map(|one| one.join().ok()).filter(|succeeded| *succeeded).count()
    });
    assert_eq!((succeeded, ledger.entries().expect("read").len()), (1, 1));
    let refused = ledger.intend(now(), intent(9)).expect_err("the credentials should be spent");
    assert!(refused.status == Status::Failed && refused.what.contains("are spent"), "{refused}");
    ledger
        .intend(now(), excused(10, Some("again"), None))
        .expect("an intent with a reason to use spent credentials should be appended");
    ledger.intend(now(), excused(11, None, Some("v"))).expect("a drill's intent should be appended");
}

#[test]
fn a_record_of_a_later_format_version_is_reported_as_such() {
    let later = r#"{"at":"2026-11-22T02:17:00Z","kind":"verify","prev":"","seq":0,"v":2}"#;
    let damage =
        chain(&format!("{later}\n")).expect_err("a record with a later format version should be refused");
    assert!(damage.what.contains("a later version"), "{damage}");
}

#[test]
fn merged_ledgers_are_ordered_by_time_and_records_of_one_ledger_keep_their_order() {
    let scratch = Scratch::new();
    let (one, two) = (Ledger::at(scratch.0.join("one")), Ledger::at(scratch.0.join("two")));
    let at = |minute: i64| now() + jiff::SignedDuration::from_mins(minute);
    for (ledger, minute, number) in [(&one, 0, 1), (&two, 1, 2), (&one, 5, 3), (&two, 3, 4), (&one, 2, 5)] {
        ledger.append(at(minute), intent(number)).expect("append");
    }
    let damaged = scratch.0.join("damaged");
    fs::write(&damaged, "no ledger\n").expect("write");
    let merged =
        one.entries_with(&[two.path(), two.path(), damaged]).expect("the first ledger should be valid");
    let order: Vec<_> = merged.entries().iter().filter_map(|entry| entry.record.session()).collect();
    // The clock of the first ledger's machine was set back before the last record. The records keep their order
    // nevertheless.
    assert_eq!(order, [1, 2, 4, 3, 5].map(session));
    assert_eq!(merged.wrong().count(), 1, "only the damaged ledger should have an error");
    let copy = scratch.0.join("copy");
    let text = fs::read_to_string(two.path()).expect("read").replace("SSO down", "SSO fine");
    fs::write(&copy, text.lines().next().expect("a line").to_owned() + "\n").expect("write");
    assert_eq!(
        read_all(&[copy, two.path()]).wrong().count(),
        0,
        "a different first line means a different ledger"
    );
    // A shorter copy of a ledger adds no record. A rebuilt copy contradicts the ledger, so the merged result has the
    // records of both files.
    let behind = scratch.0.join("behind");
    let first = fs::read_to_string(one.path()).expect("read").lines().next().expect("a line").to_owned();
    fs::write(&behind, first.clone() + "\n").expect("write");
    let merged = read_all(&[one.path(), behind]);
    assert_eq!((merged.wrong().count(), merged.records.len()), (0, 3));
    let forked = Ledger::at(scratch.0.join("forked"));
    fs::create_dir(scratch.0.join("forked")).expect("a directory");
    fs::write(forked.path(), first + "\n").expect("write");
    forked.append(at(9), intent(6)).expect("append");
    let merged = read_all(&[one.path(), forked.path()]);
    assert_eq!((merged.wrong().count(), merged.records.len()), (1, 4), "each record should count once");
    // The records before a damaged record are included in the result.
    let mut text = fs::read_to_string(one.path()).expect("read");
    text.push_str("not a record\n");
    fs::write(one.path(), text).expect("write");
    let merged = read_all(&[one.path()]);
    assert_eq!((merged.wrong().count(), merged.records.len()), (1, 3));
}

fn chain(text: &str) -> Result<Chain, Damage> {
    Chain::read(text.as_bytes())
}
