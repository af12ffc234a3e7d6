//! Interrupted: killed, late, left alone; AWS ends it at T1, and anybody closes. Every single call is in `under_fire`.

use std::time::Duration;

use rig::aws::Probe;
use rig::night::Night;
use rig::office::Office;
use rig::proxy::{Fault, Proxy, Spot};
use rig::pty::{End, Person, Signal};

use crate::PROGRAM;

fn open(office: &Office, window: &str) -> Person {
    let mut person = office
        .person(&["open", "prod.age", "--for", window, "--reason", "INC-1", "--again", "more", "--hold"]);
    office.quorum(&mut person, 2);
    person
}

fn night(name: &str) -> Night {
    Night::new(PROGRAM, name, &["alice", "bob"]).plugged(&["alice", "bob"])
}

#[test]
fn after_t1_aws_refuses_the_key_and_its_sessions_although_nobody_closed() {
    let Night { aws, office, account } = night("t1");
    let mut person = open(&office, "20s");
    person.expect("left");
    let session = aws.session(&account.emergency).expect("the window is open");
    assert!(matches!(account.probe(&session), Probe::Open));
    person.send_signal(Signal::SIGKILL);
    person.wait();
    assert!(matches!(account.probe(&session), Probe::Open), "a killed tool closes nothing");
    account.set_ahead(60);
    assert!(matches!(account.probe(&session), Probe::Shut(_)));
    assert!(matches!(account.probe(&account.emergency), Probe::Shut(_)));
    account.set_ahead(0);
    let mut person = office.person(&["close", "prod.age"]);
    office.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(account.rest().at_rest());
}

/// An opening whose last write is on its way for four seconds, and that is told to stop meanwhile.
fn late_lift(night: &Night, window: &str) -> (Proxy, Person) {
    let late = Fault::Late(Duration::from_secs(4));
    let proxy =
        Proxy::spoiling(&night.account, Spot::new("DetachUserPolicy", &night.account.opener.key, 1), late);
    let arguments = ["open", "prod.age", "--for", window, "--reason", "INC-1", "--again", "more", "--hold"];
    let mut command = night.office.command(&arguments);
    command.envs([proxy.env()]);
    let mut person = Person::run(command);
    night.office.quorum(&mut person, 2);
    assert!(proxy.wait_met(Duration::from_secs(10)));
    person.send_signal(Signal::SIGTERM);
    person.expect("watching until");
    assert!(night.is_shut(), "closed before it arrives");
    (proxy, person)
}

#[test]
fn a_write_of_open_that_arrives_after_the_close_is_closed_again() {
    let night = night("late");
    let (proxy, mut person) = late_lift(&night, "12s");
    person.expect("a late write arrived, or is seen only now; closing again");
    assert!(proxy.wait_quiet(Duration::ZERO));
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(night.is_shut() && night.account.rest().at_rest(), "{}", person.transcript());
}

#[test]
fn who_does_not_wait_for_a_late_write_is_told_until_when_and_it_gives_nothing_beyond() {
    let night = night("impatient");
    let (proxy, mut person) = late_lift(&night, "1m");
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
    assert!(!night.account.rest().denied, "it did arrive");
    assert!(night.is_shut(), "the key had been deactivated");
    // Even with the key: nothing beyond T1.
    night.account.set_key(true);
    assert!(night.is_open());
    night.account.set_ahead(61);
    assert!(night.is_shut());
}

#[test]
fn a_close_that_watches_for_a_late_write_leaves_the_next_operators_window_alone() {
    let night = night("next");
    let (_proxy, mut person) = late_lift(&night, "1m");
    let now = night.account.now();
    night.account.put_window("Sfeedfacefeedface", now - 1, now + 600);
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("feedfacefeedface") && said.contains("was left alone"), "{said}");
    assert!(!said.contains("closing again") && !said.contains("that is proven"), "{said}");
    assert!(night.is_open(), "theirs goes on");
}

#[test]
fn anybody_with_aws_credentials_closes_without_a_quorum() {
    let Night { office, account, .. } = night("profile");
    let mut person = open(&office, "5m");
    person.expect("left");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    std::fs::create_dir(office.path(".aws")).unwrap();
    std::fs::write(office.path(".aws/credentials"), account.closer.profile("oncall")).unwrap();
    let mut command = office.command(&["close", "prod.age", "--profile", "oncall"]);
    for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        command.env_remove(name);
    }
    let closed = command.output().unwrap();
    let said = String::from_utf8_lossy(&[closed.stdout, closed.stderr].concat()).into_owned();
    assert_eq!(closed.status.code(), Some(0), "{said}");
    assert!(said.contains("not probed"), "{said}");
    assert!(account.rest().at_rest());
}

#[test]
fn the_closer_alone_cannot_open_again() {
    let Night { office, account, .. } = night("closer");
    let mut person = open(&office, "5m");
    person.expect("left");
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
    assert!(matches!(account.probe(&account.emergency), Probe::Shut(_)), "active, and still denied");
}
