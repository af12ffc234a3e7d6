//! Compares the output of commands with stored screens. A screen is the output on a terminal of 80 columns, including
//! prompts and answers.
//!
//! Each screen is a file in `screens/`, with fixed values in place of the values that differ between runs.
//! `scripts/bless` rewrites the files.

use std::path::Path;

use expect_test::expect_file;
use regex_lite::{Captures, Regex};
use rig::fixture::SealedVault;
use rig::proxy::{Fault, Proxy, Spot};
use rig::pty::{End, Person, Signal, Streams};
use rig::site::Site;
use serde_json::json;

use crate::{PROGRAM, two_of_three};

/// Starts a command at a terminal of 80 columns.
fn run(site: &Site, arguments: &[&str]) -> Person {
    let mut command = site.command(arguments);
    command.env("TZ", "UTC");
    Person::run_with(command, Streams { columns: Some(80), ..Streams::default() })
}

/// Returns the screen of a command that has no prompts.
fn screen_of(site: &Site, arguments: &[&str], code: i32) -> String {
    let mut person = run(site, arguments);
    assert_eq!(person.wait(), End::Code(code), "{}", person.transcript());
    screen(&person)
}

/// Returns the person's screen, with fixed values in place of the values that differ between runs.
fn screen(person: &Person) -> String {
    person.rendered(|output| fixed(&words(output)))
}

/// Replaces ids, times, accounts and ports with fixed values of the same length, so that lines break in the same
/// places.
fn fixed(output: &str) -> String {
    let values = [
        // The program shows this line only if AWS needs more than a second, so the line is removed.
        (r"close: proving that [^\n]*\n", ""),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:40000"),
        (r"/tmp/\.tmp\w+", "/tmp/.tmp123456"),
        (r"\b(AKIA|ASIA)[0-9A-Z]{16}\b", "${1}0123456789ABCDEF"),
        (r"\b[0-9a-f]{64}\b", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        (r"\b[0-9a-f]{32}\b", "0123456789abcdef0123456789abcdef"),
        (r"\b[0-9a-f]{16}\b", "0123456789abcdef"),
        (r"\b111122\d{6}\b", "111122223333"),
        (r"\b\d{4}-\d\d-\d\d", "2026-11-22"),
        (r"\d\d:\d\d:\d\d(\.\d+)?", "02:17:00"),
        (r"( |\()\d\d:\d\d( local| UTC|Z|\))", "${1}02:17$2"),
        (r"\b(\d+ min )?\d+(\.\d+)? s\b", "5 s"),
    ];
    let replace = |text: String, (pattern, value): (&str, &str)| {
        Regex::new(pattern)
            .expect("the pattern should be a regular expression")
            .replace_all(&text, value)
            .into_owned()
    };
    values.into_iter().fold(output.to_owned(), replace)
}

/// Replaces every word of a digest or a sheet by the first word of the BIP-39 list. Six or more consecutive words of
/// the list count as a digest or a sheet.
fn words(output: &str) -> String {
    let list = bip39::Language::English.word_list();
    let is_word = |text: &str| list.contains(&text);
    let in_a_row = Regex::new(r"\b[a-z]{3,8}(?:(?: |\s*\n\s*(?:\d+ +)?)[a-z]{3,8}\b){5,}")
        .expect("the pattern should be a regular expression");
    let replace = |found: &Captures| {
        let pieces: Vec<_> = found[0].split_inclusive(char::is_whitespace).collect();
        let is_number = |text: &str| text.is_empty() || text.bytes().all(|byte| byte.is_ascii_digit());
        let is_of_list = |piece: &&str| is_word(piece.trim()) || is_number(piece.trim());
        let mut out = String::new();
        let mut rest = pieces.as_slice();
        while !rest.is_empty() {
            let row = rest.iter().take_while(|piece| is_of_list(piece)).count();
            let is_digest = rest[..row].iter().filter(|piece| is_word(piece.trim())).count() >= 6;
            let (taken, left) = rest.split_at(row.max(1));
            for piece in taken {
                let word = piece.trim();
                out += &if is_digest && is_word(word) {
                    piece.replace(word, "abandon")
                } else {
                    (*piece).into()
                };
            }
            rest = left;
        }
        out
    };
    in_a_row.replace_all(output, replace).into_owned()
}

/// Seals a vault and its drill vault. Any two of the three custodians can open them.
fn sealed(account: &str) -> SealedVault {
    let fixture = two_of_three(account).payload(|real| {
        let mut payload = real.payload(rig::aws::Account::grant(), "4h");
        payload["drill"] = real.second_user("drill", "drill-user").target(json!([]), "1h");
        payload
    });
    fixture.plugged(&["alice", "carol"])
}

fn open<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["open", "prod.age", "--for", "15m", "--reason", "INC-1: SSO down"], more].concat()
}

#[test]
fn enrol() {
    let mut site = Site::new(PROGRAM, &["alice"]);
    site.plug("alice");
    let arguments = [&["enrol", "alice", "--out", "alice.custodian"], rig::site::ATTESTATION].concat();
    let mut person = run(&site, &arguments);
    person.expect("alice: PIN of YubiKey");
    person.type_line(&site.custodians[0].pin.clone());
    person.expect("press Enter");
    let sheet = screen(&person);
    site.custodians[0].words = words_of(&person.rendered(str::to_owned));
    person.type_line("");
    person.expect("alice: passphrase part (12 words): ");
    person.type_line(&site.custodian("alice").sheet());
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    expect_file!["screens/enrol-sheet.txt"].assert_eq(&sheet);
    expect_file!["screens/enrol.txt"].assert_eq(&screen(&person));
}

/// Returns the words of a sheet. The sheet shows the words as `1 abandon` to `12 zoo`.
fn words_of(sheet: &str) -> Vec<String> {
    let number =
        Regex::new(r"\b(\d+)\.? +([a-z]{3,8})\b").expect("the pattern should be a regular expression");
    let mut words: Vec<(u32, String)> = number
        .captures_iter(sheet)
        .filter(|found| bip39::Language::English.word_list().contains(&&found[2]))
        .map(|found| (found[1].parse().expect("digits should be a number"), found[2].to_owned()))
        .collect();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), 12, "{sheet}");
    words.into_iter().map(|(_, word)| word).collect()
}

#[test]
fn seal() {
    let vault = sealed("prod");
    let payload = vault.account.payload(rig::aws::Account::grant(), "4h");
    vault.site.write("credentials.json", payload.to_string());
    let mut arguments = vec!["seal", "--threshold", "2", "--label", "production", "--out", "new.age"];
    for file in ["alice.custodian", "bob.custodian", "carol.custodian"] {
        arguments.extend(["--custodian", file]);
    }
    let mut command = vault.site.command(&arguments);
    command.args(["--yes-fingerprints", rig::site::ALLOWED]);
    let stdin = rig::pty::Input::Bytes(payload.to_string().into_bytes());
    let mut person = Person::run_with(command, Streams { stdin, columns: Some(80), ..Streams::default() });
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    expect_file!["screens/seal.txt"].assert_eq(&screen(&person));
}

#[test]
fn inspect() {
    let vault = sealed("prod");
    expect_file!["screens/inspect.txt"].assert_eq(&screen_of(&vault.site, &["inspect", "prod.age"], 0));
}

#[test]
fn approval() {
    let vault = sealed("prod");
    let mut person = run(&vault.site, &open(&["--hold"]));
    person.expect("alice: passphrase part (12 words): ");
    expect_file!["screens/approval.txt"].assert_eq(&screen(&person));
}

/// Returns whether a window of 15 minutes that starts now ends on the next day (UTC). The screens of a window that ends
/// on the next day show dates.
fn ends_tomorrow() -> bool {
    const DAY: i64 = 24 * 60 * 60;
    let is_late = jiff::Timestamp::now().as_second() % DAY > DAY - 16 * 60;
    if is_late {
        eprintln!("skipped: in the last minutes of a day (UTC) the screens show dates");
    }
    is_late
}

#[test]
fn open_to_close() {
    if ends_tomorrow() {
        return;
    }
    let vault = sealed("prod");
    let mut person = run(&vault.site, &open(&["--hold"]));
    vault.site.quorum(&mut person, 2);
    person.expect("left");
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    expect_file!["screens/open-to-close.txt"].assert_eq(&screen(&person));
    expect_file!["screens/status.txt"].assert_eq(&screen_of(&vault.site, &["status", "prod.age"], 1));
    let verify = ["ledger", "verify", "--vault", "prod.age"];
    expect_file!["screens/ledger-verify.txt"].assert_eq(&screen_of(&vault.site, &verify, 0));
    let session = vault.site.last_session();
    let review = ["review", &session, "--vault", "prod.age"];
    expect_file!["screens/review.txt"].assert_eq(&screen_of(&vault.site, &review, 0));
}

#[test]
fn exit_10() {
    if ends_tomorrow() {
        return;
    }
    let vault = sealed("prod");
    let proxy = Proxy::before(&vault.account);
    let mut command = vault.site.command(&open(&["--hold"]));
    command.envs([proxy.env()]).env("TZ", "UTC");
    let mut person = Person::run_with(command, Streams { columns: Some(80), ..Streams::default() });
    vault.site.quorum(&mut person, 2);
    person.expect("left");
    // The program makes the first `AttachUserPolicy` call before it opens access, to prove that the closer can close.
    // The network is cut from the second `AttachUserPolicy` call on.
    proxy.spoil(Spot::new("AttachUserPolicy", "", 2), Fault::Gone);
    person.type_raw(b"q");
    person.expect("close: proving");
    for _ in 0..2 {
        person.send_signal(Signal::SIGTERM);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    expect_file!["screens/exit-10.txt"].assert_eq(&screen(&person));
    expect_file!["screens/status-open.txt"].assert_eq(&screen_of(&vault.site, &["status", "prod.age"], 10));
}

#[test]
fn close_by_a_quorum() {
    let vault = sealed("prod");
    let mut person = run(&vault.site, &["close", "prod.age"]);
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    expect_file!["screens/close.txt"].assert_eq(&screen(&person));
}

#[test]
fn drill() {
    let vault = sealed("prod");
    let mut person = run(&vault.site, &["drill", "prod.drill.age"]);
    vault.site.quorum(&mut person, 2);
    person.expect("alice: PIN of YubiKey");
    person.type_line(&vault.site.custodian("alice").pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    expect_file!["screens/drill.txt"].assert_eq(&screen(&person));
}

#[test]
fn every_screen_has_a_test() {
    let screens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/screens");
    let source = include_str!("screens.rs");
    for file in std::fs::read_dir(screens).expect("the directory of the screens should be readable").flatten()
    {
        let name = file.file_name().into_string().expect("the name of a screen's file should be text");
        assert!(source.contains(&format!("\"screens/{name}\"")), "a test should compare {name}");
    }
}

#[test]
fn varying_values_are_replaced_by_values_of_the_same_length() {
    let digest = "words  zoo able about above\n  absent absorb is the digest of account 111122229999";
    let expected =
        "words  abandon abandon abandon abandon\n  abandon abandon is the digest of account 111122223333";
    assert_eq!(fixed(&words(digest)), expected);
    assert_eq!(words("close it from any machine"), "close it from any machine");
    assert_eq!(fixed("until 12:34:56 UTC (14:34 local)"), "until 02:17:00 UTC (02:17 local)");
    assert_eq!(fixed("session 9f0e3c4cd2b1a788"), "session 0123456789abcdef");
}
