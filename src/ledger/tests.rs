use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::error::Status;

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
        target: TargetFacts {
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
    }
}

fn closed(number: u8) -> Record {
    Record::Closed { session: session(number), probed: true, cause: "deadline".into() }
}

#[test]
fn a_session_is_ones_own_once_it_was_intended() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    assert!(!ledger.knows_session(session(1)).expect("no file yet"));
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
fn the_file_is_its_owners_alone() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    ledger.append(now(), intent(1)).expect("append");
    let mode = |path: PathBuf| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(ledger.path()), 0o600);
    assert_eq!(mode(scratch.0.join("state")), 0o700);
}

#[test]
fn a_changed_record_is_noticed_by_the_next() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    for number in 1..=3 {
        ledger.append(now(), intent(number)).expect("append");
    }
    let whole = fs::read_to_string(ledger.path()).expect("read");
    let lines: Vec<&str> = whole.lines().collect();
    for bad in [
        whole.replacen("SSO down", "SSO DOWN", 1),
        [lines[0], lines[2], ""].join("\n"),
        [lines[1], lines[0], lines[2], ""].join("\n"),
        whole.replacen('{', "[", 1),
    ] {
        fs::write(ledger.path(), bad).expect("write");
        assert_eq!(ledger.entries().expect_err("damaged").status, Status::Damaged);
        assert!(ledger.append(now(), closed(1)).is_err());
    }
}

#[test]
fn a_line_that_was_never_finished_is_passed_over() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    ledger.append(now(), intent(1)).expect("append");
    ledger.append(now(), intent(2)).expect("append");
    let whole = fs::read(ledger.path()).expect("read");
    let first = whole.iter().position(|&b| b == b'\n').expect("a line") + 1;
    for cut in first..whole.len() {
        fs::write(ledger.path(), &whole[..cut]).expect("write");
        // Only its end of line is missing: the record itself is there.
        let finished = if cut == whole.len() - 1 { 2 } else { 1 };
        assert_eq!(ledger.entries().expect("tolerated").len(), finished, "{cut}");
        ledger.append(now(), closed(1)).expect("append after it");
        assert_eq!(ledger.entries().expect("chains").len(), finished + 1, "{cut}");
    }
}
