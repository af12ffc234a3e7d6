//! The two lanes under MFA: a gate that demands it, and a role that needs no IAM write and cannot be closed early.

use std::time::Duration;

use rig::aws::{Account, Aws, Probe, Rule, Standby, python};
use rig::night::Night;
use rig::office::Office;
use rig::pty::{End, Person, Signal};
use rig::receiver::Receiver;
use serde_json::json;

use crate::PROGRAM;

/// An office whose `prod.age` is of the lane static.
fn standby(name: &str) -> (Office, Account, Standby) {
    let aws = Aws::shared();
    let account = aws.seed(name);
    let standby = account.standby();
    let office = Office::enrolled(PROGRAM, &["alice", "bob"]).with_aws(&aws);
    office.seal(&account.standby_payload(&standby, "1h"), 2);
    office.plug("alice");
    office.plug("bob");
    (office, account, standby)
}

fn open(office: &Office, window: &str, work: &[&str]) -> Person {
    let arguments =
        [&["open", "prod.age", "--for", window, "--reason", "INC-1", "--again", "more"], work].concat();
    let mut person = office.person(&arguments);
    office.quorum(&mut person, 2);
    person
}

/// Makes a bucket in the window with boto3, and says which key did it.
fn bucket(name: &str) -> Vec<String> {
    let script = "import boto3, sys\n\
        boto3.client('s3').create_bucket(Bucket=sys.argv[1], \
            CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\n\
        print('MADE', sys.argv[1])\n";
    [python().display().to_string(), "-c".into(), script.into(), name.into()].into()
}

#[test]
fn a_role_opens_and_ends_while_every_iam_write_is_refused() {
    let (office, account, standby) = standby("static");
    let refused = account.rule(Rule::before("*").service("iam").times(1_000).fail(403, "AccessDenied"));
    let work = bucket("standby-works");
    let work: Vec<&str> = ["--"].into_iter().chain(work.iter().map(String::as_str)).collect();
    let mut person = open(&office, "20m", &work);
    person.expect("MADE standby-works");
    assert_eq!(person.wait(), End::Code(10), "it cannot be closed early: {}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("cannot be ended before its time"), "{said}");
    assert!(said.contains("attach-role-policy --role-name Emergency"), "{said}");
    drop(refused);
    let calls = account.journal();
    assert!(!calls.iter().any(|call| call.service == "iam"), "IAM was not even asked");
    let assumed = calls.iter().find(|call| call.action == "AssumeRole").expect("the role was assumed");
    assert_eq!((assumed.region.as_str(), &assumed.key), ("eu-west-1", &standby.key.key));
    let seconds: i64 = assumed.params["DurationSeconds"].as_str().unwrap().parse().unwrap();
    assert!((1_100..=1_200).contains(&seconds), "no longer than the window: {seconds}");
    let policy = assumed.params["Policy"].as_str().unwrap();
    assert!(policy.contains("aws:CurrentTime") && policy.contains("s3:*"), "{policy}");

    let status = office.command(&["status", "prod.age"]).output().unwrap();
    assert_eq!(status.status.code(), Some(10), "{}", String::from_utf8_lossy(&status.stdout));
    let closing = office.command(&["close", "prod.age"]).output().unwrap();
    assert_eq!(closing.status.code(), Some(10), "{}", String::from_utf8_lossy(&closing.stderr));
}

#[test]
fn a_roles_session_is_refused_from_t1_on_and_that_is_proven() {
    let (office, _account, _) = standby("t1-static");
    let mut person = open(&office, "8s", &["--", "sleep", "300"]);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
    let said = person.transcript();
    assert!(
        said.contains("close: shut; AWS refuses the role's session"),
        "the key it does not refuse: {said}"
    );
    let status = office.command(&["status"]).output().unwrap();
    assert_eq!(status.status.code(), Some(0));
}

#[test]
fn one_code_serves_once_so_the_next_opening_waits_for_the_next() {
    let (office, account, _) = standby("codes");
    for _ in 0..2 {
        let mut person = open(&office, "20m", &["--", "true"]);
        assert_eq!(person.wait_within(Duration::from_secs(90)), End::Code(10), "{}", person.transcript());
    }
    let codes: Vec<_> = account
        .journal()
        .into_iter()
        .filter(|call| call.action == "AssumeRole" && call.status == Some(200))
        .map(|call| call.params["TokenCode"].to_string())
        .collect();
    assert!(codes.len() == 2 && codes[0] != codes[1], "{codes:?}");
}

#[test]
fn without_a_session_there_is_nothing_to_hold() {
    let (office, ..) = standby("hold-static");
    let said =
        office.command(&["open", "prod.age", "--for", "5m", "--reason", "x", "--hold"]).output().unwrap();
    assert_eq!(said.status.code(), Some(2), "before anybody is asked");
    assert!(String::from_utf8_lossy(&said.stderr).contains("leave --hold out"));
}

#[test]
fn a_gate_under_mfa_lets_only_sessions_with_mfa_work() {
    let aws = Aws::shared();
    let account = aws.seed("mfa");
    let office = Office::enrolled(PROGRAM, &["alice", "bob"]).with_aws(&aws);
    let target = account.target_with_mfa(Account::grant(), "1h");
    let alerts = [Receiver::shared().channel("oncall")];
    office.seal(&json!({"version": 1, "targets": [target], "alerts": alerts}), 2);
    office.plug("alice");
    office.plug("bob");
    let script = format!("{} && sleep 300", quoted(&bucket("under-mfa")));
    let mut person = open(&office, "10m", &["--", "sh", "-c", &script]);
    person.expect("MADE under-mfa");
    let gate = account.rest().gate.expect("a gate");
    assert_eq!(gate["Statement"][0]["Condition"]["Bool"]["aws:MultiFactorAuthPresent"], "true");
    assert!(matches!(account.probe(&account.emergency), Probe::Open), "the probe needs no MFA");
    let long_term = account.call(&account.emergency, "s3", "list_buckets", json!({}));
    assert!(long_term.is_err(), "the long-term key carries no MFA: {long_term:?}");
    let session = aws.session(&account.emergency).expect("a session without a code");
    assert!(account.call(&session, "s3", "list_buckets", json!({})).is_err(), "nor does such a session");
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    assert!(account.rest().at_rest());
}

#[test]
fn the_console_is_refused_beforehand_where_the_gate_demands_mfa() {
    let aws = Aws::shared();
    let account = aws.seed("mfa-console");
    let office = Office::enrolled(PROGRAM, &["alice", "bob"]).with_aws(&aws);
    let mut payload = account.payload(Account::grant(), "1h");
    payload["targets"] = json!([account.target_with_mfa(Account::grant(), "1h")]);
    office.seal(&payload, 2);
    let said =
        office.command(&["open", "prod.age", "--for", "5m", "--reason", "x", "--console"]).output().unwrap();
    assert_eq!(said.status.code(), Some(2), "before anybody is asked");
    assert!(String::from_utf8_lossy(&said.stderr).contains("GetFederationToken) never carries it"));
    assert!(account.journal().is_empty());
}

#[test]
fn where_iams_control_plane_is_down_the_static_vault_is_named() {
    let Night { office, account, .. } =
        Night::new(PROGRAM, "down", &["alice", "bob"]).plugged(&["alice", "bob"]);
    let standby = account.standby();
    office.seal_as("standby.age", &account.standby_payload(&standby, "1h"), 2);
    for (rule, tidy) in [
        (Rule::before("*").service("iam").times(1_000).fail(503, "ServiceUnavailable"), true),
        (Rule::before("PutUserPolicy").times(1_000).fail(500, "ServiceFailure"), true),
    ] {
        let down = account.rule(rule);
        let mut person = open(&office, "5m", &["--", "true"]);
        let end = person.wait_within(Duration::from_mins(2));
        let said = person.transcript();
        assert_eq!(end, End::Code(5), "{said}");
        assert!(said.contains("control plane"), "{said}");
        assert!(said.contains("breakglass open standby.age"), "{said}");
        drop(down);
        assert_eq!(account.rest().at_rest(), tidy);
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect::<Vec<_>>().join(" ")
}
