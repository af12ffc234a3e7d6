//! Tests of the main use: two custodians open a window, the emergency key works only during the window, and the window
//! ends without another command.

use std::time::{Duration, Instant};

use rig::aws::{Creds, Probe, python};
use rig::pty::{End, Signal};

use crate::two_of_three;

#[test]
fn two_custodians_open_a_window_and_the_emergency_key_works_only_during_the_window() {
    let vault = two_of_three("story").plugged(&["alice", "carol"]);
    assert!(vault.is_closed(), "the emergency key should be refused before the window");
    let python = python().display().to_string();
    let script = "import boto3, os, sys\n\
        boto3.client('s3').create_bucket(Bucket='proof-' + sys.argv[1], \
            CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\n\
        got = boto3.Session().get_credentials().get_frozen_credentials()\n\
        print('INSIDE', got.access_key, got.token is not None, os.environ['AWS_REGION'])\n\
        open('session', 'w').write('\\n'.join([got.access_key, got.secret_key, got.token]))\n";
    let mut person = vault
        .open("5m")
        .reason("INC-1: SSO down")
        .run(&[&python, "-c", script, &vault.account.id])
        .by_quorum();
    person.expect("INSIDE ASIA");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.is_closed() && vault.account.rest().at_rest(), "access should be closed after the window");
    let session = std::fs::read_to_string(vault.site.path("session")).unwrap();
    let session: Vec<_> = session.lines().map(str::to_owned).collect();
    let session =
        Creds { key: session[0].clone(), secret: session[1].clone(), token: Some(session[2].clone()) };
    assert!(
        matches!(vault.account.probe(&session), Probe::Refused(_)),
        "AWS should refuse the issued session after the window"
    );
    assert_ne!(session.key, vault.account.emergency.key, "the command should not get the long-term key");
    assert_eq!(
        vault.writes(),
        [
            "AttachUserPolicy",
            "UpdateAccessKey",
            "PutUserPolicy",
            "UpdateAccessKey",
            "DetachUserPolicy",
            "AttachUserPolicy",
            "UpdateAccessKey"
        ],
        "the gate with the window's end should be written before anything is enabled"
    );
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let kinds: Vec<_> = ["intent", "opened", "closed"].iter().map(|kind| ledger.find(kind)).collect();
    assert!(kinds.iter().all(Option::is_some) && kinds.is_sorted(), "{ledger}");
    let transcript = person.transcript();
    for secret in [&vault.account.opener, &vault.account.closer, &vault.account.emergency] {
        assert!(!transcript.contains(&secret.secret) && !ledger.contains(&secret.secret));
    }
}

#[test]
fn with_hold_no_credentials_are_issued_and_pressing_q_closes_the_window() {
    let vault = two_of_three("hold").plugged(&["alice", "carol"]);
    let mut person = vault.open("5m").reason("INC-1: SSO down").hold().by_quorum();
    let said = person.expect("UTC");
    person.expect("left");
    assert!(vault.is_open(), "{said}");
    assert!(!vault.account.actions().iter().any(|a| a == "GetFederationToken"));
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.is_closed() && vault.account.rest().at_rest());
    assert!(person.is_echoing());
}

#[test]
fn the_end_of_the_window_is_shown_in_utc_and_in_local_time() {
    let vault = two_of_three("zones").plugged(&["alice", "carol"]);
    let mut person = vault.open("5m").env("TZ", "Asia/Kathmandu").run(&["true"]).by_quorum();
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
    let vault = two_of_three("deadline").plugged(&["alice", "carol"]);
    let mut person = vault.open("8s").reason("INC-1: SSO down").run(&["sleep", "300"]).by_quorum();
    let before = Instant::now();
    assert_eq!(person.wait_within(Duration::from_secs(40)), End::Code(1), "{}", person.transcript());
    assert!(before.elapsed() < Duration::from_secs(30));
    assert!(vault.is_closed() && vault.account.rest().at_rest());
}

#[test]
fn a_window_that_ends_before_it_opens_is_a_failure() {
    let vault = two_of_three("short").plugged(&["alice", "carol"]);
    let mut person = vault.open("1s").reason("INC-1: SSO down").run(&["echo", "WORKED"]).by_quorum();
    let end = person.wait();
    let worked = person.transcript().contains("WORKED");
    assert!(end == End::Code(5) || (end == End::Code(0) && worked), "{end:?}: {}", person.transcript());
    assert!(vault.is_closed() && vault.account.rest().at_rest());
}

#[test]
fn a_signal_closes_access_before_the_exit() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let vault = two_of_three("signal").plugged(&["alice", "carol"]);
        let mut person = vault.open("5m").reason("INC-1: SSO down").hold().until_open();
        person.send_signal(signal);
        assert_eq!(person.wait(), End::Code(128 + signal as i32), "{}", person.transcript());
        assert!(vault.is_closed() && vault.account.rest().at_rest());
        assert!(person.is_echoing());
    }
}

#[test]
fn a_stopped_terminal_does_not_delay_a_close() {
    let vault = two_of_three("stopped").plugged(&["alice", "carol"]);
    let mut person = vault.open("5m").reason("INC-1: SSO down").hold().until_open();
    person.type_raw(b"\x13");
    person.send_signal(Signal::SIGTERM);
    let until = Instant::now() + Duration::from_secs(15);
    while !vault.account.rest().at_rest() {
        assert!(Instant::now() < until, "the program should close the window while the terminal is stopped");
        std::thread::sleep(Duration::from_millis(100));
    }
    person.type_raw(b"\x11");
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
}

#[test]
fn lines_typed_before_the_window_opens_do_not_reach_the_shell() {
    let vault = two_of_three("ahead").plugged(&["alice", "carol"]);
    let mut person = vault.open("5m").env("SHELL", "/bin/sh").env("PS1", "READY$ ").by_quorum();
    // The person types this line right after the last PIN, before the terminal echoes again.
    person.type_line("echo pin-again");
    person.expect("gate: open");
    std::thread::sleep(Duration::from_millis(300));
    person.type_line("echo still-$((40+2)); exit");
    person.expect("still-42");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let ran = person.transcript().lines().any(|line| line.trim() == "pin-again");
    assert!(!ran, "{}", person.transcript());
}

#[test]
fn during_the_window_keys_and_ctrl_c_go_to_the_operators_command() {
    let vault = two_of_three("keyboard").plugged(&["alice", "carol"]);
    let mut person = vault
        .open("5m")
        .reason("INC-1: SSO down")
        .run(&[
            "sh",
            "-c",
            "trap 'echo CAUGHT' INT; sleep 1; echo READY; read line; read line; echo GOT $line",
        ])
        .by_quorum();
    // The child sleeps for a second, because it gets the terminal only after its start.
    person.expect("READY");
    person.type_raw(b"\x03");
    person.expect("CAUGHT");
    assert!(vault.is_open(), "Ctrl-C should go to the child, and access should stay open");
    person.type_line("one");
    person.type_line("two");
    person.expect("GOT");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.is_closed());
}

#[test]
fn the_operators_command_cannot_use_any_other_credential_source() {
    let vault = two_of_three("sources").plugged(&["alice", "carol"]);
    let other = "[default]\naws_access_key_id=AKIALYINGINWAIT\naws_secret_access_key=x\n";
    vault.site.write(".aws/credentials", other);
    let open = vault.open("5m").run(&["env"]);
    let inherited = open.env("AWS_ACCESS_KEY_ID", "AKIAINHERITED").env("AWS_SECRET_ACCESS_KEY", "inherited");
    let mut person = inherited.env("AWS_PROFILE", "x").by_quorum();
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
