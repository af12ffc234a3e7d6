//! The main job: two custodians open, the key works inside the window and nowhere else, and it ends by itself.

use std::time::{Duration, Instant};

use rig::aws::{Creds, Probe, python};
use rig::night::Night;
use rig::pty::{End, Person, Signal};

use crate::PROGRAM;

fn night(name: &str) -> Night {
    Night::new(PROGRAM, name, &["alice", "bob", "carol"])
}

/// Alice and carol open; bob is asleep.
fn open(night: &Night, window: &str, work: &[&str]) -> Person {
    for name in ["alice", "carol"] {
        if !night.office.custodian(name).token.is_plugged() {
            night.office.plug(name);
        }
    }
    let arguments = [&["open", "prod.age", "--for", window, "--reason", "INC-1: SSO down"], work].concat();
    let mut person = night.office.person(&arguments);
    night.office.quorum(&mut person, 2);
    person
}

#[test]
fn two_custodians_open_the_key_works_inside_and_is_refused_before_and_after() {
    let night = night("story");
    assert!(night.is_shut(), "the emergency key is refused before");
    let python = python().display().to_string();
    let script = "import boto3, os, sys\n\
        boto3.client('s3').create_bucket(Bucket='proof-' + sys.argv[1], \
            CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\n\
        got = boto3.Session().get_credentials().get_frozen_credentials()\n\
        print('INSIDE', got.access_key, got.token is not None, os.environ['AWS_REGION'])\n\
        open('session', 'w').write('\\n'.join([got.access_key, got.secret_key, got.token]))\n";
    let mut person = open(&night, "5m", &["--", &python, "-c", script, &night.account.id]);
    person.expect("INSIDE ASIA");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(night.is_shut() && night.account.rest().at_rest(), "and after");
    let session = std::fs::read_to_string(night.office.path("session")).unwrap();
    let session: Vec<_> = session.lines().map(str::to_owned).collect();
    let session =
        Creds { key: session[0].clone(), secret: session[1].clone(), token: Some(session[2].clone()) };
    assert!(
        matches!(night.account.probe(&session), Probe::Shut(_)),
        "the session it handed out has ended too"
    );
    assert_ne!(session.key, night.account.emergency.key, "never the long-term key");
    assert_eq!(
        night.writes(),
        ["PutUserPolicy", "UpdateAccessKey", "DetachUserPolicy", "AttachUserPolicy", "UpdateAccessKey"],
        "in this order: the end is written before anything is enabled"
    );
    let ledger = std::fs::read_to_string(night.office.path("state/ledger.jsonl")).unwrap();
    let kinds: Vec<_> = ["intent", "opened", "closed"].iter().map(|kind| ledger.find(kind)).collect();
    assert!(kinds.iter().all(Option::is_some) && kinds.is_sorted(), "{ledger}");
    let transcript = person.transcript();
    for secret in [&night.account.opener, &night.account.closer, &night.account.emergency] {
        assert!(!transcript.contains(&secret.secret) && !ledger.contains(&secret.secret));
    }
}

#[test]
fn a_window_held_open_hands_nothing_out_and_closes_on_a_key() {
    let night = night("hold");
    let mut person = open(&night, "5m", &["--hold"]);
    let said = person.expect("UTC");
    person.expect("left");
    assert!(night.is_open(), "{said}");
    assert!(!night.account.actions().iter().any(|a| a == "GetFederationToken"));
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(night.is_shut() && night.account.rest().at_rest());
    assert!(person.is_echoing());
}

#[test]
fn the_end_is_shown_in_utc_and_in_local_time() {
    let night = night("zones");
    night.office.plug("alice");
    night.office.plug("carol");
    let mut command =
        night.office.command(&["open", "prod.age", "--for", "5m", "--reason", "x", "--", "true"]);
    command.env("TZ", "Asia/Kathmandu");
    let mut person = Person::run(command);
    night.office.quorum(&mut person, 2);
    let said = person.expect("local)");
    assert_eq!(person.wait(), End::Code(0));
    let minutes = |text: &str| -> i32 {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<i32>().unwrap() * 60 + minutes[..2].parse::<i32>().unwrap()
    };
    let utc = said.split("ends ").nth(1).unwrap();
    let local = utc.split('(').nth(1).unwrap();
    let ahead = (minutes(local) - minutes(utc)).rem_euclid(24 * 60);
    assert_eq!(ahead, 5 * 60 + 45, "{said}");
}

#[test]
fn the_deadline_closes_the_window_and_ends_the_child() {
    let night = night("deadline");
    let mut person = open(&night, "8s", &["--", "sleep", "300"]);
    let before = Instant::now();
    assert_eq!(person.wait_within(Duration::from_secs(40)), End::Code(0), "{}", person.transcript());
    assert!(before.elapsed() < Duration::from_secs(30));
    assert!(night.is_shut() && night.account.rest().at_rest());
}

#[test]
fn a_window_that_is_over_before_it_is_open_is_no_success() {
    let night = night("short");
    let mut person = open(&night, "1s", &["--", "echo", "WORKED"]);
    let end = person.wait();
    let worked = person.transcript().contains("WORKED");
    assert!(end == End::Code(5) || (end == End::Code(0) && worked), "{end:?}: {}", person.transcript());
    assert!(night.is_shut() && night.account.rest().at_rest());
}

#[test]
fn a_signal_closes_first_and_says_which_it_was() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let night = night("signal");
        let mut person = open(&night, "5m", &["--hold"]);
        person.expect("left");
        person.send_signal(signal);
        assert_eq!(person.wait(), End::Code(128 + signal as i32), "{}", person.transcript());
        assert!(night.is_shut() && night.account.rest().at_rest());
        assert!(person.is_echoing());
    }
}

#[test]
fn a_terminal_that_takes_no_output_holds_nothing_up() {
    let night = night("stopped");
    let mut person = open(&night, "5m", &["--hold"]);
    person.expect("left");
    person.type_raw(b"\x13");
    person.send_signal(Signal::SIGTERM);
    let until = Instant::now() + Duration::from_secs(15);
    while !night.account.rest().at_rest() {
        assert!(Instant::now() < until, "a stopped terminal keeps the window open");
        std::thread::sleep(Duration::from_millis(100));
    }
    person.type_raw(b"\x11");
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
}

#[test]
fn what_custodians_type_too_much_never_reaches_the_shell() {
    let night = night("ahead");
    for name in ["alice", "carol"] {
        night.office.plug(name);
    }
    let mut command = night.office.command(&["open", "prod.age", "--for", "5m", "--reason", "x"]);
    command.env("SHELL", "/bin/sh").env("PS1", "READY$ ");
    let mut person = Person::run(command);
    night.office.quorum(&mut person, 2);
    // The last PIN once more, since nothing echoes.
    person.type_line("echo pin-once-more");
    person.expect("gate: open");
    std::thread::sleep(Duration::from_millis(300));
    person.type_line("echo still-$((40+2)); exit");
    person.expect("still-42");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let ran = person.transcript().lines().any(|line| line.trim() == "pin-once-more");
    assert!(!ran, "{}", person.transcript());
}

#[test]
fn a_childs_status_is_said_and_not_passed_on() {
    let night = night("status");
    let mut person = open(&night, "5m", &["--", "sh", "-c", "exit 42"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("42"), "{}", person.transcript());
}

#[test]
fn the_keyboard_belongs_to_the_child() {
    let night = night("keyboard");
    let mut person = open(
        &night,
        "5m",
        &[
            "--",
            "sh",
            "-c",
            "trap 'echo CAUGHT' INT; sleep 1; echo READY; read line; read line; echo GOT $line",
        ],
    );
    // The second is for the terminal to be handed over to it, which happens once it runs.
    person.expect("READY");
    person.type_raw(b"\x03");
    person.expect("CAUGHT");
    assert!(night.is_open(), "Ctrl-C was the child's");
    person.type_line("one");
    person.type_line("two");
    person.expect("GOT");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(night.is_shut());
}

#[test]
fn every_other_credential_source_is_shut_off_in_the_child() {
    let night = night("sources");
    std::fs::create_dir(night.office.path(".aws")).unwrap();
    std::fs::write(
        night.office.path(".aws/credentials"),
        "[default]\naws_access_key_id=AKIALYINGINWAIT\naws_secret_access_key=x\n",
    )
    .unwrap();
    night.office.plug("alice");
    night.office.plug("carol");
    let mut command =
        night.office.command(&["open", "prod.age", "--for", "5m", "--reason", "x", "--", "env"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAINHERITED")
        .env("AWS_SECRET_ACCESS_KEY", "inherited")
        .env("AWS_PROFILE", "x");
    let mut person = Person::run(command);
    night.office.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let env = person.transcript();
    for wanted in [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN=",
        "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
        "AWS_CONFIG_FILE=/dev/null",
        "AWS_REGION=eu-west-1",
        "AWS_DEFAULT_REGION=eu-west-1",
    ] {
        assert!(env.contains(wanted), "{wanted}:\n{env}");
    }
    assert!(!env.contains("AKIAINHERITED") && !env.contains("AWS_PROFILE"), "{env}");
}
