//! Tests of closing: closing twice, closing another session's window, and closing one of several targets.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use rig::aws::{Account, Probe, REGION, python};
use rig::fixture::SealedVault;
use rig::proxy::{Fault, Proxy, Spot};
use rig::pty::{End, Person, Signal};
use rig::site::{tempdir, write_program};

use crate::{PROGRAM, two_of_two};

#[test]
fn closing_twice_is_harmless() {
    let vault = two_of_two("closed").all_plugged();
    let account = &vault.account;
    for _ in 0..2 {
        let mut person = vault.close(&[]);
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        assert!(account.rest().at_rest());
    }
}

#[test]
fn another_machines_window_is_closed_only_with_force() {
    let vault = two_of_two("another").all_plugged();
    let account = &vault.account;
    let now = account.now();
    account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(10), "access should be reported as open: {}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("feedfacefeedface") && said.contains("--force"), "{said}");
    assert!(
        matches!(account.probe(&account.emergency), Probe::Open),
        "the other machine's window should stay open"
    );
    let mut person = vault.close(&["--force"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(account.rest().at_rest());
    assert!(matches!(account.probe(&account.emergency), Probe::Refused(_)));
}

#[test]
fn on_call_staff_can_end_access_with_the_panic_policy_and_the_next_close_deactivates_the_key() {
    let vault = two_of_two("panic").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let now = account.now();
    account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let on_call = account.panic_user();
    let arguments = ["close", "prod.age", "--profile", "oncall", "--force"];
    let mut person = Person::run(site.with_profile("oncall", &on_call, &arguments));
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = person.transcript().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("denied, read back; the key is still active"), "{said}");
    let rest = account.rest();
    assert!(rest.denied && rest.key_active, "the panic policy should not allow a change of the key's status");
    assert!(matches!(account.probe(&account.emergency), Probe::Refused(_)));

    let mut person = vault.close(&["--force"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(account.rest().at_rest());
}

#[test]
fn an_opening_of_a_vault_with_several_targets_must_name_one_target() {
    let mut drill = None;
    let fixture = two_of_two("several").payload(|account| {
        let drill = drill.insert(account.second_user("drill", "drill"));
        let mut payload = account.payload(Account::grant(), "4h");
        payload["targets"] =
            [account.target(Account::grant(), "4h"), drill.target(Account::grant(), "1h")].into();
        payload
    });
    let vault = fixture.all_plugged();
    let (site, account, drill) =
        (&vault.site, &vault.account, drill.expect("the payload should have a second target"));
    let mut person = vault.open("5m").reason("x").run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(2));
    assert!(person.transcript().contains("name one with --target"), "{}", person.transcript());
    let mut person =
        site.person(&["unseal", "prod.age", "--for", "5m", "--reason", "x", "--target", "drill", "--hold"]);
    site.quorum(&mut person, 2);
    person.expect("left");
    assert!(matches!(drill.probe(&drill.emergency), Probe::Open));
    assert!(
        matches!(account.probe(&account.emergency), Probe::Refused(_)),
        "the other target should stay closed"
    );
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn without_a_network_the_program_enables_nothing_and_reports_this() {
    let vault = two_of_two("offline").all_plugged();
    let site = &vault.site;
    for (more, code, says) in [
        (&["--", "true"][..], 1, "no channel acknowledged the alert"),
        (&["--no-alert", "no network", "--", "true"], 5, "asking AWS for the time failed"),
    ] {
        let arguments = [&["open", "prod.age", "--for", "5m", "--reason", "x"], more].concat();
        let mut command = site.offline(&arguments);
        command.env("AWS_MAX_ATTEMPTS", "1");
        let mut person = Person::run(command);
        site.quorum(&mut person, 2);
        assert_eq!(person.wait(), End::Code(code), "{}", person.transcript());
        let said = person.transcript();
        assert!(said.contains(says) && said.contains("nothing was enabled"), "{said}");
    }
}

/// Returns a command that runs the program on another machine: with a separate ledger, a separate home directory and
/// the profile `oncall`.
pub(crate) fn elsewhere(vault: &SealedVault, arguments: &[&str]) -> Command {
    let home = vault.site.path("elsewhere");
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/credentials"), vault.account.closer.profile("oncall")).unwrap();
    let mut command = vault.site.command(arguments);
    command.env("HOME", &home).env("BREAKGLASS_STATE", home.join("state"));
    for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn without_force_one_operator_cannot_close_the_window_of_another() {
    let vault = two_of_two("two").all_plugged();
    let mut first = vault.open("5m").hold().by_quorum();
    let said = first.expect("left");
    let until = said.split("open until ").nth(1).expect("the screen should show the end of the window")[..8]
        .to_owned();
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let session =
        ledger.split("\"session\":\"").nth(1).expect("the ledger should have a session")[..16].to_owned();
    let writes = vault.writes();

    let whose = |person: &Person| {
        let said = person.transcript();
        assert!(
            said.contains(&session) && said.contains(&until),
            "the message should name the other session and the end of its window: {said}"
        );
    };
    let open = ["open", "prod.age", "--for", "5m", "--reason", "INC-1 too", "--hold"];
    let mut second = Person::run(elsewhere(&vault, &open));
    vault.site.quorum(&mut second, 2);
    assert_eq!(second.wait(), End::Code(5), "{}", second.transcript());
    whose(&second);
    let mut second = Person::run(elsewhere(&vault, &["close", "prod.age"]));
    vault.site.quorum(&mut second, 2);
    assert_eq!(second.wait(), End::Code(10), "{}", second.transcript());
    whose(&second);
    let mut second = Person::run(elsewhere(&vault, &["close", "prod.age", "--profile", "oncall"]));
    assert_eq!(second.wait(), End::Code(10), "{}", second.transcript());
    whose(&second);
    assert_eq!(vault.writes(), writes, "the first operator's window should not be changed");
    assert!(vault.is_open());

    let mut second = Person::run(elsewhere(&vault, &["close", "prod.age", "--profile", "oncall", "--force"]));
    assert_eq!(second.wait(), End::Code(0), "{}", second.transcript());
    assert!(vault.is_closed());
    first.type_raw(b"q");
    assert_eq!(first.wait(), End::Code(0), "{}", first.transcript());
}

/// Opens a window, and tries to close the window while AWS cannot be reached. Returns the transcript.
fn left_open(vault: &SealedVault) -> String {
    let proxy = Proxy::before(&vault.account);
    let mut person = vault.open("5m").again("more").proxy(&proxy).hold().until_open();
    // The program makes the first `AttachUserPolicy` call before it opens access, to prove that the closer can close.
    // The network is cut from the second `AttachUserPolicy` call on.
    proxy.spoil(Spot::new("AttachUserPolicy", "", 2), Fault::Gone);
    person.type_raw(b"q");
    person.expect("close: proving");
    for _ in 0..2 {
        person.send_signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    assert!(vault.is_open(), "access should still be open, as the program reports");
    person.transcript()
}

/// Returns the line after the line that ends with `heading`.
fn printed(screen: &str, heading: &str) -> String {
    let mut lines = screen.lines().skip_while(|line| !line.ends_with(heading)).skip(1);
    lines.next().unwrap_or_else(|| panic!("no {heading:?} in {screen}")).trim().to_owned()
}

#[test]
fn after_exit_10_each_printed_command_closes_access_with_only_the_closers_key() {
    let vault = two_of_two("panic").all_plugged();
    let machine = tempdir();
    symlink(PROGRAM, machine.path().join("breakglass")).unwrap();
    let aws = format!("#!/bin/sh\nexec {} -m awscli \"$@\"\n", python().display());
    write_program(&machine.path().join("aws"), &aws);
    std::fs::create_dir(machine.path().join(".aws")).unwrap();
    std::fs::write(machine.path().join(".aws/credentials"), vault.account.closer.profile("oncall")).unwrap();

    for heading in ["from any machine:", "without this program:"] {
        let line = printed(&left_open(&vault), heading).replace("NAME", "oncall");
        let paths = std::env::var("PATH").unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &line])
            .current_dir(vault.site.dir.path())
            .env_clear()
            .env("PATH", format!("{}:{paths}", machine.path().display()))
            .env("HOME", machine.path())
            .env("AWS_PROFILE", "oncall")
            // If the endpoint is set, the AWS CLI needs a region even for IAM.
            .envs([("AWS_ENDPOINT_URL", vault.aws.endpoint()), ("AWS_DEFAULT_REGION", REGION)]);
        let done = shell.output().unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert_eq!(done.status.code(), Some(0), "{line}: {said}");
        assert!(vault.is_closed() && vault.account.rest().at_rest(), "{line}: {said}");
    }
}

/// Locks the ledger until the returned file is dropped.
fn hold(vault: &SealedVault) -> std::fs::File {
    let ledger = std::fs::File::open(vault.site.path("state/ledger.jsonl")).unwrap();
    rustix::fs::flock(&ledger, rustix::fs::FlockOperation::LockExclusive).unwrap();
    ledger
}

#[test]
fn a_locked_ledger_does_not_delay_a_close() {
    let vault = two_of_two("held-ledger").all_plugged();
    let mut person = vault.open("5m").again("more").hold().until_open();
    let holding = hold(&vault);
    let begun = Instant::now();
    person.type_raw(b"q");
    person.expect("close: closed");
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "the close should not wait for the lock of the ledger, but it took {:?}",
        begun.elapsed()
    );
    assert!(vault.is_closed() && vault.account.rest().at_rest());
    drop(holding);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());

    let mut person = vault.open("5m").again("more").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let _holding = hold(&vault);
    let mut command = elsewhere(&vault, &["close", "prod.age", "--profile", "oncall", "--force"]);
    command.env("BREAKGLASS_STATE", vault.site.path("state"));
    let begun = Instant::now();
    let mut person = Person::run(command);
    person.expect("close: closed");
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "the close should not wait for the lock of the ledger, but it took {:?}",
        begun.elapsed()
    );
    assert!(vault.is_closed());
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
}
