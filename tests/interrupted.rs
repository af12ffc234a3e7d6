//! Interrupted: killed, late, left alone; AWS ends it at T1, and anybody closes. Every single call is in `under_fire`.
#![cfg(feature = "cloud")]

use rig::aws::Probe;
use rig::night::Night;
use rig::office::Office;
use rig::pty::{End, Person, Signal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");

fn open(office: &Office, window: &str) -> Person {
    let mut person = office.person(&["open", "prod.age", "--for", window, "--reason", "INC-1", "--hold"]);
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
