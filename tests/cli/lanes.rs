//! Tests of both lanes with MFA. In the lane `gate`, the gate requires MFA. In the lane `static`, the program opens
//! access through a role without an IAM write, and cannot close access before T1.

use std::time::Duration;

use rig::aws::{Account, Probe, Rule, Standby, python};
use rig::fixture::SealedVault;
use rig::pty::{End, Signal};
use serde_json::json;

use crate::two_of_two;

/// Seals a vault with the lane `static`. Returns the vault and its role.
fn standby(account: &str) -> (SealedVault, Standby) {
    let mut standby = None;
    let fixture = two_of_two(account);
    let vault = fixture
        .payload(|account| account.standby_payload(standby.insert(account.standby()), "1h"))
        .all_plugged();
    (vault, standby.expect("the payload should have a standby role"))
}

/// Seals a vault whose only target, and therefore the gate, requires MFA.
fn under_mfa(account: &str) -> SealedVault {
    let payload = |account: &Account| {
        let mut payload = account.payload(Account::grant(), "1h");
        payload["targets"] = json!([account.target_with_mfa(Account::grant(), "1h")]);
        payload
    };
    two_of_two(account).payload(payload).all_plugged()
}

/// Returns the operator's command, which creates a bucket with boto3 and prints the bucket's name.
fn bucket(name: &str) -> Vec<String> {
    let script = "import boto3, sys\n\
        boto3.client('s3').create_bucket(Bucket=sys.argv[1], \
            CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})\n\
        print('MADE', sys.argv[1])\n";
    [python().display().to_string(), "-c".into(), script.into(), name.into()].into()
}

#[test]
fn the_lane_static_works_while_aws_refuses_every_iam_write() {
    let (vault, standby) = standby("static");
    let (site, account) = (&vault.site, &vault.account);
    let refused = account.rule(Rule::before("*").service("iam").times(1_000).fail(403, "AccessDenied"));
    let work = bucket("standby-works");
    let work: Vec<&str> = ["--"].into_iter().chain(work.iter().map(String::as_str)).collect();
    let mut person = vault.open("20m").again("more").args(&work).by_quorum();
    person.expect("MADE standby-works");
    assert_eq!(
        person.wait(),
        End::Code(10),
        "a role's session cannot be ended early, so access should be reported as open: {}",
        person.transcript()
    );
    let said = person.transcript();
    assert!(said.contains("cannot be ended before it expires"), "{said}");
    assert!(said.contains("attach-role-policy --role-name Emergency"), "{said}");
    drop(refused);
    let calls = account.journal();
    assert!(!calls.iter().any(|call| call.service == "iam"), "IAM should not be called");
    let assumed =
        calls.iter().find(|call| call.action == "AssumeRole").expect("the role should have been assumed");
    assert_eq!((assumed.region.as_str(), &assumed.key), ("eu-west-1", &standby.key.key));
    let seconds: i64 = assumed.params["DurationSeconds"].as_str().unwrap().parse().unwrap();
    assert!(
        (1_100..=1_200).contains(&seconds),
        "the session should last no longer than the window: {seconds} s"
    );
    let name = &assumed.params["RoleSessionName"];
    assert!(name.as_str().is_some_and(|name| name.starts_with("breakglass-")), "{name}");
    assert_eq!(&assumed.params["SourceIdentity"], name);
    assert!(assumed.agent.contains(&format!("app/{}", name.as_str().unwrap())), "{}", assumed.agent);
    let policy = assumed.params["Policy"].as_str().unwrap();
    assert!(policy.contains("aws:CurrentTime") && policy.contains("s3:*"), "{policy}");

    let status = site.command(&["status", "prod.age"]).output().unwrap();
    assert_eq!(status.status.code(), Some(10), "{}", String::from_utf8_lossy(&status.stdout));
    let closing = site.command(&["close", "prod.age"]).output().unwrap();
    assert_eq!(closing.status.code(), Some(10), "{}", String::from_utf8_lossy(&closing.stderr));
}

#[test]
fn a_probe_proves_that_aws_refuses_a_role_session_from_t1_on() {
    let (vault, _) = standby("t1-static");
    let mut person = vault.open("8s").again("more").run(&["sleep", "300"]).by_quorum();
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    assert!(
        said.contains("close: closed; AWS refuses the role's session"),
        "the close should be proven with the role's session: {said}"
    );
    let status = vault.site.command(&["status"]).output().unwrap();
    let said = String::from_utf8_lossy(&[status.stdout, status.stderr].concat()).into_owned();
    assert_eq!(status.status.code(), Some(1), "sessions that other machines opened are not known: {said}");
    assert!(
        said.contains("UNKNOWN") && said.contains("aws cloudtrail lookup-events --region eu-west-1"),
        "{said}"
    );
}

#[test]
fn only_the_time_of_aws_proves_that_a_role_session_has_expired() {
    let (vault, _) = standby("clock-static");
    let mut person = vault.open("8s").again("more").run(&["sleep", "300"]).by_quorum();
    person.expect("gate: open");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    std::thread::sleep(Duration::from_secs(9));
    let offline = vault.site.offline(&["status", "prod.age", "--json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&offline.stdout).unwrap();
    assert_eq!(
        (offline.status.code(), &json["targets"][0]["state"]),
        (Some(10), &"unproven".into()),
        "{json}"
    );
    assert_eq!(json["targets"][0]["clock"], "local", "{json}");
    let offline = vault.site.offline(&["status", "prod.age"]).output().unwrap();
    let said = String::from_utf8_lossy(&offline.stdout).into_owned();
    assert!(said.contains("by this machine's clock, which can be wrong"), "{said}");
    let asked = vault.site.command(&["status", "prod.age", "--json"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!((asked.status.code(), &json["targets"][0]["state"]), (Some(1), &"unknown".into()), "{json}");
    assert_eq!(
        (&json["targets"][0]["clock"], &json["targets"][0]["recorded"]["end"]),
        (&"aws".into(), &"expired".into()),
        "{json}"
    );
    let offline = vault.site.offline(&["close", "prod.age"]).output().unwrap();
    let said = String::from_utf8_lossy(&offline.stderr).into_owned();
    assert_eq!(offline.status.code(), Some(10), "{said}");
    assert!(said.contains("AWS's time could not be read"), "{said}");
    let closed = vault.site.command(&["close", "prod.age"]).output().unwrap();
    let said = String::from_utf8_lossy(&closed.stderr).into_owned();
    assert_eq!(closed.status.code(), Some(0), "{said}");
    assert!(said.contains("ended by itself"), "{said}");
    let again = vault.site.command(&["close", "prod.age"]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        again.status.success() && said.contains("sessions that other machines opened are not known"),
        "{said}"
    );
}

#[test]
fn a_close_without_a_record_of_a_role_session_reports_that_nothing_is_known() {
    let (vault, _) = standby("unknown-static");
    let close = vault.site.command(&["close", "prod.age"]).output().unwrap();
    let said = String::from_utf8_lossy(&close.stderr).into_owned();
    assert_eq!(close.status.code(), Some(1), "{said}");
    assert!(said.contains("is not known") && said.contains("aws cloudtrail lookup-events"), "{said}");
}

#[test]
fn each_one_time_code_is_used_once_and_the_next_opening_waits_for_a_new_code() {
    let (vault, _) = standby("codes");
    for _ in 0..2 {
        let mut person = vault.open("20m").again("more").run(&["true"]).by_quorum();
        assert_eq!(person.wait_within(Duration::from_secs(90)), End::Code(10), "{}", person.transcript());
    }
    let codes: Vec<_> = vault
        .account
        .journal()
        .into_iter()
        .filter(|call| call.action == "AssumeRole" && call.status == Some(200))
        .map(|call| call.params["TokenCode"].to_string())
        .collect();
    assert!(codes.len() == 2 && codes[0] != codes[1], "{codes:?}");
}

#[test]
fn hold_is_refused_for_a_static_vault() {
    let (vault, _) = standby("hold-static");
    let said = vault.open("5m").hold().command().output().unwrap();
    assert_eq!(said.status.code(), Some(2), "--hold should be refused before custodians are asked");
    assert!(String::from_utf8_lossy(&said.stderr).contains("leave out --hold"));
}

#[test]
fn with_a_gate_that_requires_mfa_only_sessions_with_mfa_have_access() {
    let vault = under_mfa("mfa");
    let account = &vault.account;
    let script = format!("{} && sleep 300", quoted(&bucket("under-mfa")));
    let mut person = vault.open("10m").again("more").run(&["sh", "-c", &script]).by_quorum();
    person.expect("MADE under-mfa");
    let gate = account.rest().gate.expect("the user should have a gate");
    assert_eq!(gate["Statement"][0]["Condition"]["Bool"]["aws:MultiFactorAuthPresent"], "true");
    assert!(matches!(account.probe(&account.emergency), Probe::Open), "the probe should work without MFA");
    let long_term = account.call(&account.emergency, "s3", "list_buckets", json!({}));
    assert!(long_term.is_err(), "the long-term key should be refused because it has no MFA: {long_term:?}");
    let session =
        vault.aws.session(&account.emergency).expect("AWS should issue a session without an MFA code");
    assert!(
        account.call(&session, "s3", "list_buckets", json!({})).is_err(),
        "a session without MFA should be refused"
    );
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    assert!(account.rest().at_rest());
}

#[test]
fn console_is_refused_before_custodians_are_asked_if_the_gate_requires_mfa() {
    let vault = under_mfa("mfa-console");
    let said = vault.open("5m").args(&["--console"]).command().output().unwrap();
    assert_eq!(said.status.code(), Some(2), "--console should be refused before custodians are asked");
    assert!(String::from_utf8_lossy(&said.stderr).contains("GetFederationToken) never carries MFA"));
    assert!(vault.account.journal().is_empty());
}

#[test]
fn if_iam_does_not_answer_the_program_suggests_the_static_vault() {
    let vault = two_of_two("down").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let standby = account.standby();
    site.seal_as("standby.age", &account.standby_payload(&standby, "1h"), 2);
    for (rule, tidy) in [
        (Rule::before("*").service("iam").times(1_000).fail(503, "ServiceUnavailable"), true),
        (Rule::before("PutUserPolicy").times(1_000).fail(500, "ServiceFailure"), true),
    ] {
        let down = account.rule(rule);
        let mut person = vault.open("5m").again("more").run(&["true"]).by_quorum();
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
