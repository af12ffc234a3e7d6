//! Tests of interrupted runs: AWS ends access at T1, and the closer's key is enough to close access. The tests in
//! `tests/under_fire` interrupt the program at every call.

use std::time::{Duration, Instant};

use rig::aws::{Probe, Rule};
use rig::fixture::SealedVault;
use rig::proxy::{Fault, Proxy, Spot};
use rig::pty::{End, Person, Signal};

use crate::two_of_two;

#[test]
fn after_t1_aws_refuses_the_key_and_its_sessions_without_a_close() {
    let vault = two_of_two("t1").all_plugged();
    let (aws, account) = (&vault.aws, &vault.account);
    let mut person = vault.open("20s").again("more").hold().until_open();
    let session = aws.session(&account.emergency).expect("the window should be open");
    assert!(matches!(account.probe(&session), Probe::Open));
    person.send_signal(Signal::SIGKILL);
    person.wait();
    assert!(
        matches!(account.probe(&session), Probe::Open),
        "access should stay open after the program was killed"
    );
    account.set_ahead(60);
    assert!(matches!(account.probe(&session), Probe::Refused(_)));
    assert!(matches!(account.probe(&account.emergency), Probe::Refused(_)));
    account.set_ahead(0);
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(account.rest().at_rest());
}

/// Starts an opening whose last write reaches AWS four seconds late. Sends SIGTERM to the program before the write
/// arrives.
fn late_lift(vault: &SealedVault, window: &str) -> (Proxy, Person) {
    let late = Fault::Late(Duration::from_secs(4));
    let proxy =
        Proxy::spoiling(&vault.account, Spot::new("DetachUserPolicy", &vault.account.opener.key, 1), late);
    let mut person = vault.open(window).again("more").proxy(&proxy).hold().by_quorum();
    assert!(proxy.wait_met(Duration::from_secs(10)));
    person.send_signal(Signal::SIGTERM);
    person.expect("watching until");
    assert!(vault.is_closed(), "access should be closed before the late write arrives");
    (proxy, person)
}

#[test]
fn if_a_late_write_opens_access_after_the_close_the_program_closes_again() {
    let vault = two_of_two("late").all_plugged();
    let (proxy, mut person) = late_lift(&vault, "12s");
    person.expect("a late write arrived, or became visible only now; closing again");
    assert!(proxy.wait_quiet(Duration::ZERO));
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(vault.is_closed() && vault.account.rest().at_rest(), "{}", person.transcript());
}

#[test]
fn an_operator_who_stops_waiting_learns_until_when_a_late_write_can_open_access() {
    let vault = two_of_two("impatient").all_plugged();
    let (proxy, mut person) = late_lift(&vault, "1m");
    for _ in 0..2 {
        person.send_signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    let said = person.transcript();
    assert!(
        said.contains("may still take effect") && said.contains("access may still be open, until "),
        "{said}"
    );
    assert!(proxy.wait_quiet(Duration::from_secs(10)));
    assert!(!vault.account.rest().denied, "the late write should have arrived");
    assert!(vault.is_closed(), "access should be closed because the key is inactive");
    // After T1, even an active key has no access.
    vault.account.set_key(true);
    assert!(vault.is_open());
    vault.account.set_ahead(61);
    assert!(vault.is_closed());
}

/// Returns how long the threads of the process and of this test have waited for a CPU, from `schedstat` (see proc(5)).
fn time_without_cpu(pid: u32) -> Duration {
    let of = |task: std::path::PathBuf| {
        let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').nth(1).and_then(|waited| waited.parse().ok()).unwrap_or(0)
    };
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let own = std::path::PathBuf::from("/proc/thread-self");
    Duration::from_nanos(tasks.map(|task| task.path()).chain([own]).map(of).sum())
}

#[test]
fn a_second_ctrl_c_ends_a_close_within_a_second_even_during_a_call_to_aws() {
    let vault = two_of_two("hanging").all_plugged();
    let mut person = vault.open("5m").again("more").hold().until_open();
    let hanging = vault.account.rule(Rule::before("AttachUserPolicy"));
    person.type_raw(b"q");
    assert!(hanging.wait(Duration::from_secs(20)).is_some(), "{}", person.transcript());
    person.send_signal(Signal::SIGINT);
    person.expect("close: not finished");
    let before = time_without_cpu(person.pid());
    let pressed = Instant::now();
    person.send_signal(Signal::SIGINT);
    person.expect("access may still be open");
    let elapsed = pressed.elapsed();
    // If the machine is busy, the program waits for a CPU. This time does not count. Without the second Ctrl-C, the
    // call lasts 8 s.
    let waited = time_without_cpu(person.pid()).saturating_sub(before);
    let took = elapsed.saturating_sub(waited);
    assert!(took <= Duration::from_secs(1), "{took:?} of {elapsed:?}; {waited:?} without a CPU");
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    let said = person.transcript();
    assert_eq!(said.matches("aws iam attach-user-policy").count(), 1, "the block is printed once: {said}");
    assert!(said.contains("the operator stopped waiting for AWS"), "{said}");
    hanging.release();
}

#[test]
fn while_watching_for_a_late_write_the_program_does_not_close_another_sessions_window() {
    let vault = two_of_two("next").all_plugged();
    let (_proxy, mut person) = late_lift(&vault, "1m");
    let now = vault.account.now();
    vault.account.put_window("Sfeedfacefeedface", now - 1, now + 600);
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    let said = person.transcript().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("feedfacefeedface") && said.contains("was left alone"), "{said}");
    assert!(
        !said.contains("closing again") && said.contains("this session's access is proven closed"),
        "{said}"
    );
    assert!(vault.is_open(), "the other session's window should stay open");
}

#[test]
fn access_can_be_closed_with_an_aws_profile_and_without_a_quorum() {
    let vault = two_of_two("profile").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let mut command =
        site.with_profile("oncall", &account.closer, &["close", "prod.age", "--profile", "oncall"]);
    let closed = command.output().unwrap();
    let said = String::from_utf8_lossy(&[closed.stdout, closed.stderr].concat()).into_owned();
    assert_eq!(closed.status.code(), Some(0), "{said}");
    assert!(said.contains("not probed"), "{said}");
    assert!(account.rest().at_rest());
}

#[test]
fn with_the_closers_key_alone_access_cannot_be_opened() {
    let vault = two_of_two("closer").all_plugged();
    let account = &vault.account;
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0));
    let user = serde_json::json!({"UserName": account.user});
    let deny =
        serde_json::json!({"UserName": account.user, "PolicyArn": "arn:aws:iam::aws:policy/AWSDenyAll"});
    assert_eq!(
        account.call(&account.closer, "iam", "detach_user_policy", deny).unwrap_err().code,
        "AccessDenied"
    );
    let gate = serde_json::json!({"UserName": account.user, "PolicyName": "breakglass-gate", "PolicyDocument": "{}"});
    assert_eq!(
        account.call(&account.closer, "iam", "put_user_policy", gate).unwrap_err().code,
        "AccessDenied"
    );
    let boundary = account.call(&account.closer, "iam", "delete_user_permissions_boundary", user);
    assert_eq!(boundary.unwrap_err().code, "AccessDenied");
    account.set_key(true);
    assert!(
        matches!(account.probe(&account.emergency), Probe::Refused(_)),
        "AWSDenyAll should deny the key even if it is active"
    );
}
