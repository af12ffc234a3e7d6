//! Closing: what is closed already, what is somebody else's, and which target is meant.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::time::{Duration, Instant};

use rig::aws::{Account, Aws, Probe, REGION, python};
use rig::night::Night;
use rig::office::{Office, room};
use rig::proxy::{Fault, Proxy, Spot};
use rig::pty::{End, Person, Signal};

use crate::PROGRAM;

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
    let mut payload = account.payload(Account::grant(), "4h");
    payload["targets"] = targets.into();
    office.seal(&payload, 2);
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
    for (more, code, says) in [
        (&["--", "true"][..], 1, "nobody acknowledged the alert"),
        (&["--no-alert", "no network", "--", "true"], 5, "asking AWS for the time failed"),
    ] {
        let arguments = [&["open", "prod.age", "--for", "5m", "--reason", "x"], more].concat();
        let mut command = office.offline(&arguments);
        command.env("AWS_MAX_ATTEMPTS", "1");
        let mut person = Person::run(command);
        office.quorum(&mut person, 2);
        assert_eq!(person.wait(), End::Code(code), "{}", person.transcript());
        let said = person.transcript();
        assert!(said.contains(says) && said.contains("nothing was written to AWS"), "{said}");
    }
}

/// The program on another machine of the same office: a ledger and a home of its own, and the profile `oncall`.
fn elsewhere(night: &Night, arguments: &[&str]) -> Command {
    let home = night.office.path("elsewhere");
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/credentials"), night.account.closer.profile("oncall")).unwrap();
    let mut command = night.office.command(arguments);
    command.env("HOME", &home).env("BREAKGLASS_STATE", home.join("state"));
    for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn two_operators_do_not_get_into_each_others_way_unless_by_force() {
    let night = night("two");
    let mut first = night.office.person(&["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--hold"]);
    night.office.quorum(&mut first, 2);
    let said = first.expect("left");
    let until = said.split("open until ").nth(1).expect("its end")[..8].to_owned();
    let ledger = std::fs::read_to_string(night.office.path("state/ledger.jsonl")).unwrap();
    let session = ledger.split("\"session\":\"").nth(1).expect("its session")[..16].to_owned();
    let writes = night.writes();

    let whose = |person: &Person| {
        let said = person.transcript();
        assert!(said.contains(&session) && said.contains(&until), "whose, until when: {said}");
    };
    let open = ["open", "prod.age", "--for", "5m", "--reason", "INC-1 too", "--hold"];
    let mut second = Person::run(elsewhere(&night, &open));
    night.office.quorum(&mut second, 2);
    assert_eq!(second.wait(), End::Code(5), "{}", second.transcript());
    whose(&second);
    let mut second = Person::run(elsewhere(&night, &["close", "prod.age"]));
    night.office.quorum(&mut second, 2);
    assert_eq!(second.wait(), End::Code(10), "{}", second.transcript());
    whose(&second);
    let mut second = Person::run(elsewhere(&night, &["close", "prod.age", "--profile", "oncall"]));
    assert_eq!(second.wait(), End::Code(10), "{}", second.transcript());
    whose(&second);
    assert_eq!(night.writes(), writes, "nobody has touched it");
    assert!(night.is_open());

    let mut second = Person::run(elsewhere(&night, &["close", "prod.age", "--profile", "oncall", "--force"]));
    assert_eq!(second.wait(), End::Code(0), "{}", second.transcript());
    assert!(night.is_shut());
    first.type_raw(b"q");
    assert_eq!(first.wait(), End::Code(0), "{}", first.transcript());
}

/// A window whose close did not reach AWS; what was on the screen.
fn left_open(night: &Night) -> String {
    let proxy = Proxy::before(&night.account);
    let mut command = night
        .office
        .command(&["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--again", "more", "--hold"]);
    command.envs([proxy.env()]);
    let mut person = Person::run(command);
    night.office.quorum(&mut person, 2);
    person.expect("left");
    proxy.spoil(Spot::new("AttachUserPolicy", "", 1), Fault::Gone);
    person.type_raw(b"q");
    person.expect("close: proving");
    for _ in 0..2 {
        person.send_signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    assert!(night.is_open(), "it says that it may be, and it is");
    person.transcript()
}

/// The line after the one that ends with `heading`.
fn printed(screen: &str, heading: &str) -> String {
    let mut lines = screen.lines().skip_while(|line| !line.ends_with(heading)).skip(1);
    lines.next().unwrap_or_else(|| panic!("no {heading:?} in {screen}")).trim().to_owned()
}

#[test]
fn each_line_that_exit_10_prints_closes_it_for_whoever_may_only_close() {
    let night = night("panic");
    let desk = room();
    symlink(PROGRAM, desk.path().join("breakglass")).unwrap();
    let aws = format!("#!/bin/sh\nexec {} -m awscli \"$@\"\n", python().display());
    std::fs::write(desk.path().join("aws"), aws).unwrap();
    std::fs::set_permissions(desk.path().join("aws"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(desk.path().join(".aws")).unwrap();
    std::fs::write(desk.path().join(".aws/credentials"), night.account.closer.profile("oncall")).unwrap();

    for heading in ["from any machine:", "without this tool:"] {
        let line = printed(&left_open(&night), heading).replace("NAME", "oncall");
        let paths = std::env::var("PATH").unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &line])
            .current_dir(night.office.dir.path())
            .env_clear()
            .env("PATH", format!("{}:{paths}", desk.path().display()))
            .env("HOME", desk.path())
            .env("AWS_PROFILE", "oncall")
            // With another endpoint than its own the AWS CLI wants a region even for IAM.
            .envs([("AWS_ENDPOINT_URL", night.aws.endpoint()), ("AWS_DEFAULT_REGION", REGION)]);
        let done = shell.output().unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert_eq!(done.status.code(), Some(0), "{line}: {said}");
        assert!(night.is_shut() && night.account.rest().at_rest(), "{line}: {said}");
    }
}

/// Holds the ledger until it is dropped.
fn hold(night: &Night) -> std::fs::File {
    let ledger = std::fs::File::open(night.office.path("state/ledger.jsonl")).unwrap();
    rustix::fs::flock(&ledger, rustix::fs::FlockOperation::LockExclusive).unwrap();
    ledger
}

#[test]
fn a_ledger_that_somebody_holds_keeps_no_window_open() {
    let night = night("held-ledger");
    let open = ["open", "prod.age", "--for", "5m", "--reason", "x", "--again", "more", "--hold"];
    let mut person = night.office.person(&open);
    night.office.quorum(&mut person, 2);
    person.expect("left");
    let holding = hold(&night);
    let begun = Instant::now();
    person.type_raw(b"q");
    person.expect("close: shut");
    assert!(begun.elapsed() < Duration::from_secs(8), "shut after {:?}", begun.elapsed());
    assert!(night.is_shut() && night.account.rest().at_rest());
    drop(holding);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());

    let mut person = night.office.person(&open);
    night.office.quorum(&mut person, 2);
    person.expect("left");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let _holding = hold(&night);
    let mut command = elsewhere(&night, &["close", "prod.age", "--profile", "oncall", "--force"]);
    command.env("BREAKGLASS_STATE", night.office.path("state"));
    let begun = Instant::now();
    let mut person = Person::run(command);
    person.expect("close: shut");
    assert!(begun.elapsed() < Duration::from_secs(8), "shut after {:?}", begun.elapsed());
    assert!(night.is_shut());
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
}
