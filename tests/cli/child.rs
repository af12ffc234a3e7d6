//! Tests of the command that runs during the window: how the command ends, which signals it gets, and how the time left
//! is shown.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rig::aws::Rule;
use rig::fixture::SealedVault;
use rig::pty::{End, Output, Person, Signal, Streams};

use crate::two_of_two;

/// Returns a shell script that writes the time to a file every tenth of a second, and runs `on_term` on SIGTERM.
fn beating(on_term: &str) -> String {
    format!("trap '{on_term}' TERM; while :; do date +%s.%N >>beats; sleep 0.1; done")
}

fn seconds(text: &str) -> f64 {
    text.trim().parse().unwrap_or_else(|_| panic!("not a time: {text:?}"))
}

fn beats(vault: &SealedVault) -> Vec<f64> {
    let text = std::fs::read_to_string(vault.site.path("beats")).unwrap_or_default();
    // The last line of the file can be incomplete, because the child process is still writing.
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Returns T1 in seconds since 1970, as the ledger records it.
fn end_of_window(vault: &SealedVault) -> f64 {
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let (_, rest) = ledger.rsplit_once("\"until\":\"").unwrap_or_else(|| panic!("{ledger}"));
    let until: jiff::Timestamp = rest[..rest.find('"').unwrap()].parse().unwrap();
    until.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}

fn sleep_until(at: f64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    thread::sleep(Duration::from_secs_f64((at - now).max(0.0)));
}

fn wait_for_beats(vault: &SealedVault, person: &Person) {
    let began = Instant::now();
    while beats(vault).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", person.transcript());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_child_that_ignores_sigterm_is_killed_five_seconds_after_t1_even_offline() {
    thread::scope(|scope| {
        for is_cut in [false, true] {
            scope.spawn(move || {
                let vault = two_of_two(if is_cut { "deaf-cut" } else { "deaf" }).all_plugged();
                let mut person = vault.open("10s").run(&["sh", "-c", &beating("")]).by_quorum();
                wait_for_beats(&vault, &person);
                let cut = is_cut.then(|| vault.account.rule(Rule::before("*").times(10_000)));
                let end = end_of_window(&vault);
                sleep_until(end + 8.0);
                let beats = beats(&vault);
                let last = *beats.last().unwrap();
                // T0 is AWS's time in whole seconds. By this machine's clock, the window can therefore end up to one
                // second after T1.
                assert!(
                    (4.5..6.5).contains(&(last - end)),
                    "network cut: {is_cut}: the child should be killed about 5 s after T1, not {} s",
                    last - end
                );
                drop(cut);
                let ended = person.wait_within(Duration::from_mins(1));
                assert_eq!(ended, End::Code(1), "{}", person.transcript());
                assert!(person.transcript().contains("ended by signal 9"), "{}", person.transcript());
                assert!(vault.is_closed() && vault.account.rest().at_rest());
            });
        }
    });
}

#[test]
fn a_child_gets_sigterm_at_t1_and_can_clean_up_even_offline() {
    let vault = two_of_two("listens").all_plugged();
    let clean = "date +%s.%N >cleaned; exit 0";
    let mut person = vault.open("10s").run(&["sh", "-c", &beating(clean)]).by_quorum();
    wait_for_beats(&vault, &person);
    let cut = vault.account.rule(Rule::before("*").times(10_000));
    let end = end_of_window(&vault);
    sleep_until(end + 2.0);
    let cleaned = seconds(
        &std::fs::read_to_string(vault.site.path("cleaned")).expect("the child should have cleaned up"),
    );
    assert!(
        (-0.2..1.5).contains(&(cleaned - end)),
        "the child should get SIGTERM at T1, not {} s after T1",
        cleaned - end
    );
    drop(cut);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(1), "{}", person.transcript());
    assert!(vault.account.rest().at_rest());
}

#[test]
fn an_early_close_calls_aws_before_the_child_has_ended() {
    let vault = two_of_two("order").all_plugged();
    let clean = "date +%s.%N >cleaned; exit 0";
    let mut person = vault.open("5m").run(&["sh", "-c", &beating(clean)]).by_quorum();
    wait_for_beats(&vault, &person);
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    let cleaned = seconds(
        &std::fs::read_to_string(vault.site.path("cleaned")).expect("the child should have cleaned up"),
    );
    let writes: Vec<_> = vault.account.journal().into_iter().rev().filter(|c| c.service == "iam").collect();
    for action in ["AttachUserPolicy", "UpdateAccessKey"] {
        let call = writes.iter().find(|call| call.action == action).unwrap();
        assert!(call.time < cleaned, "{action} should be called before the child has cleaned up");
    }
}

#[test]
fn without_a_terminal_only_ten_five_and_one_minute_are_announced() {
    let cells: [(&str, &str, &[&str]); 4] = [
        ("10m4s", "10 minutes left", &["--hold"]),
        ("5m4s", "5 minutes left", &["--hold"]),
        ("1m4s", "1 minute left", &["--hold"]),
        ("10m4s", "10 minutes left", &["--", "sleep", "300"]),
    ];
    thread::scope(|scope| {
        for (number, (window, warning, work)) in cells.into_iter().enumerate() {
            scope.spawn(move || {
                let vault = two_of_two(&format!("silent{number}")).all_plugged();
                warns(&vault, window, warning, work);
            });
        }
    });
}

fn warns(vault: &SealedVault, window: &str, warning: &str, work: &[&str]) {
    const WORDS: &str = ": passphrase part (12 words): ";
    let site = &vault.site;
    let command = site.command(&[&["open", "prod.age", "--for", window, "--reason", "INC-1"], work].concat());
    let mut person = Person::run_with(command, Streams { stderr: Output::Captured, ..Streams::default() });
    // The program writes all output except prompts to standard error.
    for _ in 0..2 {
        let said = person.expect(WORDS);
        let asked = said.trim_end_matches(WORDS);
        let custodian = site
            .custodians
            .iter()
            .find(|c| asked.ends_with(&c.name))
            .expect("a custodian of this site should be asked");
        person.type_line(&custodian.sheet());
        person.expect(&format!("{}: PIN of YubiKey", custodian.name));
        person.type_line(&custodian.pin);
    }
    let began = Instant::now();
    while vault.account.rest().denied {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", person.transcript());
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(Duration::from_secs(5));
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    let said = String::from_utf8(person.captured_errors()).unwrap();
    assert_eq!(said.matches(" left").count(), 1, "{window} {work:?}: {said}");
    assert!(said.contains(warning), "{window} {work:?}: {said}");
    assert!(!said.contains('\r') && !said.contains('\x1b'), "{said:?}");
}

#[test]
fn the_operators_shell_shows_the_time_left() {
    let vault = two_of_two("prompt").all_plugged();
    std::fs::write(vault.site.path(".bashrc"), "PS1='MINE> '\n").unwrap();
    let mut command = vault.site.command(&["open", "prod.age", "--for", "27m", "--reason", "INC-1"]);
    command.env("SHELL", "/bin/bash");
    let mut person = Person::run(command);
    vault.site.quorum(&mut person, 2);
    person.expect("[breakglass 27m] MINE> ");
    person.type_line("exit");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}
