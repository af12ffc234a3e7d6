use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use std::fs;
use std::io::Write as _;
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
fn a_changed_record_is_found_because_the_next_record_has_its_digest() {
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
        assert_eq!(ledger.check().expect_err("the check should find the damage").status, Status::Damaged);
    }
}

#[test]
fn a_torn_line_is_skipped() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    ledger.append(now(), intent(1)).expect("append");
    ledger.append(now(), intent(2)).expect("append");
    let whole = fs::read(ledger.path()).expect("read");
    let first = whole.iter().position(|&b| b == b'\n').expect("a line") + 1;
    for cut in first..whole.len() {
        fs::write(ledger.path(), &whole[..cut]).expect("write");
        // If only the newline is missing, the last record is complete.
        let finished = if cut == whole.len() - 1 { 2 } else { 1 };
        assert_eq!(ledger.entries().expect("a torn line should be skipped").len(), finished, "{cut}");
        ledger.append(now(), closed(1)).expect("the record should be appended after a torn line");
        assert_eq!(ledger.entries().expect("the records should chain").len(), finished + 1, "{cut}");
    }
}

/// Returns how many records the chain has after a head.
fn since(chain: &Chain, head: &str) -> Option<u64> {
    verify::ExpectedHead::parse(head).expect("a head").since(chain)
}

fn chain(text: &str) -> Result<Chain, Damage> {
    Chain::read(text.as_bytes())
}

#[test]
fn a_complete_line_that_is_not_a_record_is_not_torn() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    for number in 1..=3 {
        ledger.append(now(), intent(number)).expect("append");
    }
    let whole = fs::read_to_string(ledger.path()).expect("read");
    let damaged = whole.trim_end().strip_suffix('}').expect("JSON").to_owned();
    for end in ["]\n", "]", "x}\n", "\u{1b}"] {
        let damage = chain(&format!("{damaged}{end}")).expect_err("the line should count as damage");
        assert_eq!((damage.line, damage.seq), (Some(3), 2), "{end:?}: {damage}");
    }
    fs::write(ledger.path(), format!("{damaged}]\n")).expect("write");
    assert_eq!(
        ledger.append(now(), closed(1)).expect_err("the last record should count as damaged").status,
        Status::Damaged
    );
    // A truncated line is torn, with or without zero bytes after it.
    for end in ["", "\n", "\0\0\0", "\0\n"] {
        let chain = chain(&format!("{damaged}{end}")).expect("the line should count as torn");
        assert_eq!((chain.links.len(), chain.torn.as_slice()), (2, &[3][..]), "{end:?}");
    }
}

#[test]
fn an_inserted_line_that_looks_torn_is_damage() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    ledger.append(now(), intent(1)).expect("append");
    let first = fs::read(ledger.path()).expect("read");
    // The ledger has two genuine torn lines, as if the machine had stopped twice during a write.
    for cut in [&b"{\"at\":\"2026"[..], b"\n{\"at\":\"2026-11-22T02:17:00Z\",\"cau"] {
        let mut file = fs::OpenOptions::new().append(true).open(ledger.path()).expect("open");
        file.write_all(cut).expect("write");
    }
    ledger.append(now(), closed(1)).expect("append");
    ledger.append(now(), intent(2)).expect("append");
    let whole = fs::read_to_string(ledger.path()).expect("read");
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(chain(&whole).expect("chains").torn, [2, 3]);
    assert!(whole.as_bytes().starts_with(&first) && lines.len() == 5, "{whole}");
    // The chain is also valid if the torn lines are removed.
    assert_eq!(first_bad(&[lines[0], lines[3], lines[4]]), None);
    let fake = "{\"at\":\"2026-11-22T02:1";
    let read = chain(&[lines[0], lines[1], lines[2], fake, lines[3], lines[4]].join("\n"));
    let damage = read.expect_err("an inserted line should count as damage");
    assert_eq!((damage.line, damage.seq), (Some(2), 1), "{damage}");
    for bad in [
        vec![lines[0], lines[1], lines[2], lines[3], fake, lines[4]],
        vec![fake, lines[0], lines[1], lines[2], lines[3], lines[4]],
        vec![lines[0], lines[2], lines[3], lines[4]],
        vec![lines[0], lines[1], &lines[2][..12], lines[3], lines[4]],
    ] {
        assert!(chain(&bad.join("\n")).is_err(), "{bad:?}");
    }
    assert_eq!(
        chain(&format!("{whole}{fake}")).expect("the line should count as torn").torn,
        [2, 3, 6],
        "a torn line at the end should be skipped"
    );
}

#[test]
fn a_shipped_ledger_that_is_missing_is_damage() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    for number in 1..=3 {
        ledger.append(now(), intent(number)).expect("append");
    }
    let id = ledger.chain().expect("read").id().expect("an id");
    let shipped = Shipped { bucket: "b".into(), prefix: "p".into(), ledger: id, sent: 3 };
    shipped.write(&ledger.path()).expect("write");
    ledger.check().expect("a complete ledger should pass");
    let text = fs::read_to_string(ledger.path()).expect("read");
    let cut = text.lines().take(2).collect::<Vec<_>>().join("\n") + "\n";
    fs::write(ledger.path(), cut).expect("write");
    assert!(
        ledger.check().expect_err("a missing end should count as damage").what.contains("end was cut off")
    );
    fs::remove_file(ledger.path()).expect("remove");
    let error = ledger.check().expect_err("a missing ledger should count as damage");
    assert!(error.status == Status::Damaged && error.what.contains("is gone"), "{error}");
    ledger.append(now(), intent(9)).expect("append");
    assert!(
        ledger
            .check()
            .expect_err("a different ledger should count as damage")
            .what
            .contains("this is another ledger")
    );
}

/// Returns the number of the first bad record.
fn first_bad(lines: &[&str]) -> Option<u64> {
    chain(&(lines.join("\n") + "\n")).err().map(|damage| damage.seq)
}

#[test]
fn every_change_to_any_record_is_found_and_the_first_bad_record_is_named() {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    let count = 7;
    for number in 0..count {
        ledger.append(now(), intent(number)).expect("append");
    }
    let whole = fs::read_to_string(ledger.path()).expect("read");
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(first_bad(&lines), None);
    let head = hex::encode(ledger.head().expect("a head").sha256);
    let copy = verify::copied(whole.as_bytes()).expect("records");
    for at in 0..lines.len() {
        let last = at + 1 == lines.len();
        let edited = lines[at].replace("SSO down", "SSO fine");
        let mut changed = lines.clone();
        changed[at] = &edited;
        // Only a head or a copy of the ledger reveals a change of the last record, because no later record contains its
        // digest.
        let found = if last {
            let chain = chain(&(changed.join("\n") + "\n")).expect("chains");
            assert_eq!(since(&chain, &head), None);
            Some(verify::against(&chain, &copy).expect_err("the copy should reveal the change").seq)
        } else {
            first_bad(&changed)
        };
        assert_eq!(found, Some(at as u64), "edited {at}");

        let mut taken = lines.clone();
        taken.remove(at);
        let text = taken.join("\n") + "\n";
        let found = match chain(&text) {
            Err(damage) => damage.seq,
            Ok(chain) => {
                assert!(last && since(&chain, &head).is_none());
                verify::against(&chain, &copy).expect_err("the copy should reveal the cut").seq
            }
        };
        assert_eq!(found, at as u64 + u64::from(!last), "removed {at}");

        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        assert_eq!(first_bad(&twice), Some(at as u64), "duplicated {at}");
        if !last {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            assert_eq!(first_bad(&swapped), Some(at as u64 + 1), "swapped {at}");
        }
        // The forged record is inserted between two records, and contains the digest of the first of these two records.
        let before = chain(&(lines[..at].join("\n") + "\n")).unwrap_or_default().head();
        let forged = super::chain::line(before, None, now(), closed(9)).expect("a line");
        let mut forged_in = lines.clone();
        forged_in.insert(at, forged.trim_end());
        assert_eq!(first_bad(&forged_in), Some(at as u64), "forged {at}");

        let cut = chain(&(lines[..at].join("\n") + "\n")).unwrap_or_default();
        assert_eq!(since(&cut, &head), None);
        assert_eq!(verify::against(&cut, &copy).expect_err("the copy should reveal the cut").seq, at as u64);
    }
    let whole = chain(&whole).expect("chains");
    let words = whole.head_before(4).words();
    assert_eq!(since(&whole, &words), Some(3));
    assert_eq!(since(&whole, &format!("4: {words}")), Some(3), "a head copied from an alert should be found");
    assert_eq!(since(&whole, &format!("5: {words}")), None);
    for text in ["", "one two three", "4:", "x: a b c d e f", &format!("{words} more")] {
        assert!(verify::ExpectedHead::parse(text).is_none(), "{text}");
    }
    assert_eq!(verify::against(&whole, &copy[..5]).expect("the copy should match"), 2);
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
