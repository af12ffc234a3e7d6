//! Tests that damage to a ledger is found, and that the first bad record is named.

use std::fs;
use std::io::Write as _;

use super::{Scratch, chain, closed, intent, now};
use crate::error::Status;
use crate::ledger::chain::Chain;
use crate::ledger::{Shipped, verify};

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
fn a_missing_ledger_that_was_copied_to_a_bucket_is_damage() {
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

/// Returns the text of a ledger with seven records.
fn seven_intents() -> String {
    let scratch = Scratch::new();
    let ledger = scratch.ledger();
    for number in 0..7 {
        ledger.append(now(), intent(number)).expect("append");
    }
    fs::read_to_string(ledger.path()).expect("read")
}

#[test]
fn every_change_to_any_record_is_found_and_the_first_bad_record_is_named() {
    let whole = seven_intents();
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(first_bad(&lines), None);
    let head = hex::encode(chain(&whole).expect("chains").head().sha256);
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
}

#[test]
fn a_ledger_head_is_found_by_its_words() {
    let whole = seven_intents();
    let copy = verify::copied(whole.as_bytes()).expect("records");
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
