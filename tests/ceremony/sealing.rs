//! Tests of `seal`: each refusal has a specific error, and no vault is written.

use rig::pty::{End, Input, Person, Streams};
use rig::site::{ALLOWED, Site, feed};
use serde_json::{Value, json};

use crate::PROGRAM;

fn payload() -> Value {
    let key = |id: &str| json!({"access_key_id": format!("AKIA{id:0>16}"), "secret_access_key": format!("{id:/>40}")});
    json!({"version": 1, "targets": [{
        "name": "prod", "partition": "aws", "account": "123456789012", "regions": ["eu-west-1"],
        "user": "emergency", "boundary": "arn:aws:iam::123456789012:policy/breakglass-ceiling",
        "boundary_sha256": "0".repeat(64), "max_window": "4h",
        "opener": key("OPENER"), "closer": key("CLOSER"), "emergency": key("EMERGENCY"),
        "grant": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}],
        "may_outlive": ["s3:GetDataAccess", "s3:CreateAccessGrant*"],
    }]})
}

fn with(pointer: &str, value: Value) -> Value {
    let mut payload = payload();
    *payload.pointer_mut(pointer).expect("the payload should have this field") = value;
    payload
}

#[test]
fn unusable_credentials_are_refused_at_sealing() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    let statement = |action: Value| json!([{"Effect": "Allow", "Action": action, "Resource": "*"}]);
    let mut unknown = payload();
    unknown["targets"][0]["emergncy"] = json!({});
    let mut repairs = payload();
    repairs["targets"][0]["repairs_identity"] = json!(true);
    let long: Vec<_> = (0..200).map(|n| format!("s3:GetThing{n}")).collect();
    let refusals = [
        (unknown, "unknown field `emergncy`"),
        (with("/version", json!(2)), "its version is 2"),
        (with("/targets/0/account", json!("12345")), "is not an AWS account"),
        (with("/targets/0/regions", json!([])), "regions"),
        (with("/targets/0/max_window", json!("13h")), "longer than 12h"),
        (
            with("/targets/0/boundary", json!("arn:aws:iam::999999999999:policy/x")),
            "is not a policy of this account",
        ),
        (
            with("/targets/0/opener/secret_access_key", json!("tooshort")),
            "opener: the secret access key is not 40",
        ),
        (with("/targets/0/closer/access_key_id", json!("AKIA0000000000OPENER")), "appears twice"),
        (with("/targets/0/grant", json!([])), "grant"),
        (with("/targets/0/grant", statement(json!("sts:AssumeRole"))), "role"),
        (with("/targets/0/grant", statement(json!("*"))), "role"),
        (with("/targets/0/grant", statement(json!("STS:Assume*"))), "role"),
        (with("/targets/0/grant", statement(json!(["s3:*", "iam:CreateUser"]))), "repairs_identity"),
        (with("/targets/0/grant", statement(json!(long))), "2048"),
        (with("/targets/0/may_outlive", json!(["s3:GetDataAccess"])), "s3:CreateAccessGrant*"),
        (with("/targets/0/may_outlive", json!(["S3:GetDataAccess"])), "an action of may_outlive"),
        (with("/targets/0/grant", statement(json!("ec2:RebootInstances"))), "which the grant does not allow"),
        (repairs, "has no MFA device"),
    ];
    for (payload, message) in refusals {
        let finished = site.try_seal("prod.age", payload.to_string().as_bytes(), 2, &[]);
        let said = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert_eq!(finished.status.code(), Some(2), "{message}: {said}");
        assert!(said.replace("2,048", "2048").contains(message), "{message}: {said}");
        assert!(said.contains("next: "), "{said}");
        assert!(!said.contains("tooshort"), "the message should not repeat a secret: {said}");
        assert!(!site.path("prod.age").exists());
    }
    let twice = payload().to_string().replace(r#""Effect":"Allow""#, r#""Effect":"Deny","Effect":"Allow""#);
    let finished = site.try_seal("prod.age", twice.as_bytes(), 2, &[]);
    assert!(String::from_utf8_lossy(&finished.stderr).contains("duplicate field"));
    let misplaced = with("/targets/0/user", json!(format!("{:/>40}", "OPENER").replace('/', "x")));
    let misplaced =
        misplaced.to_string().replace(&format!("{:/>40}", "OPENER"), &format!("{:x>40}", "OPENER"));
    let finished = site.try_seal("prod.age", misplaced.as_bytes(), 2, &[]);
    let said = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert!(said.contains("a secret is in a field that is public") && !said.contains("xxxx"), "{said}");
    let finished = site.try_seal("prod.age", b" \n", 2, &[]);
    assert!(String::from_utf8_lossy(&finished.stderr).contains("no credentials on standard input"));
    let mut repairs = with("/targets/0/grant", statement(json!(["iam:CreateUser"])));
    repairs["targets"][0]["repairs_identity"] = json!(true);
    repairs["targets"][0]["may_outlive"] = json!([]);
    let device = "arn:aws:iam::123456789012:mfa/emergency";
    repairs["targets"][0]["mfa"] = json!({"serial_number": device, "totp_seed": "A".repeat(32)});
    assert!(site.try_seal("repairs.age", repairs.to_string().as_bytes(), 2, &[]).status.success());
}

#[test]
fn an_impossible_quorum_is_refused() {
    let mut site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    let file = std::fs::read_to_string(site.path("alice.custodian")).unwrap();
    let at = file.find("\"payload\":\"").unwrap() + 200;
    let other = if &file[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(site.path("broken.custodian"), format!("{}{other}{}", &file[..at], &file[at + 1..]))
        .unwrap();
    std::fs::write(site.path("cut.custodian"), &file[..file.len() - 1]).unwrap();
    std::fs::copy(site.path("bob.custodian"), site.path("again.custodian")).unwrap();
    // Bob's token is enrolled again, under another name.
    site.custodians[1].name = "bobby".into();
    site.custodians[1].file = site.path("bobby.custodian");
    site.enrol(1);
    let seal = |threshold: &str, custodians: &[&str]| {
        let mut arguments = vec![
            "seal",
            "--threshold",
            threshold,
            "--label",
            "prod",
            "--out",
            "prod.age",
            "--yes-fingerprints",
            ALLOWED,
        ];
        for file in custodians {
            arguments.extend(["--custodian", file]);
        }
        let finished = feed(site.offline(&arguments), payload().to_string().as_bytes());
        (finished.status.code(), String::from_utf8_lossy(&finished.stderr).into_owned())
    };
    for (threshold, custodians, message) in [
        ("1", vec!["alice.custodian", "bob.custodian"], "at least 2"),
        ("0", vec!["alice.custodian", "bob.custodian"], "at least 2"),
        ("3", vec!["alice.custodian", "bob.custodian"], "--threshold 3 is more than the 2 custodians"),
        ("2", vec!["bob.custodian", "again.custodian"], "the custodian bob appears twice"),
        ("2", vec!["bob.custodian", "bobby.custodian"], "YubiKey 20000002 appears twice"),
        ("2", vec!["broken.custodian", "bob.custodian"], "broken.custodian is not a valid enrolment"),
        ("2", vec!["cut.custodian", "bob.custodian"], "cut.custodian is not a valid enrolment"),
        ("2", vec!["missing.custodian", "bob.custodian"], "cannot read missing.custodian"),
    ] {
        let (code, said) = seal(threshold, &custodians);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(message), "{message}: {said}");
        assert!(!site.path("prod.age").exists());
    }
    std::fs::write(site.path("prod.age"), "precious").unwrap();
    let (code, said) = seal("2", &["alice.custodian", "bob.custodian"]);
    assert_eq!((code, said.contains("never overwritten")), (Some(2), true), "{said}");
    assert_eq!(std::fs::read_to_string(site.path("prod.age")).unwrap(), "precious");
}

#[test]
fn sealing_with_a_token_that_yubico_does_not_attest_needs_an_option() {
    let mut site = Site::new(PROGRAM, &["alice", "bob"]);
    site.enrol(0);
    site.enrol_with(1, &["--no-attestation"]);
    let seal = |more: &[&str]| {
        let files = ["--custodian", "alice.custodian", "--custodian", "bob.custodian"];
        let first =
            ["seal", "--threshold", "2", "--label", "prod", "--out", "prod.age", "--yes-fingerprints"];
        let arguments = [&first[..], &files, more].concat();
        let finished = feed(site.offline(&arguments), payload().to_string().as_bytes());
        (finished.status.code(), String::from_utf8_lossy(&finished.stderr).into_owned())
    };
    let (other, none) = (ALLOWED, "--allow-no-attestation");
    for (given, who, wanted) in [
        (&[][..], "alice: YubiKey 20000001 is attested by a root that is not Yubico's", other),
        (&[none], "alice: YubiKey 20000001 is attested by a root that is not Yubico's", other),
        (&[other], "bob: YubiKey 20000002 is not attested", none),
    ] {
        let (code, said) = seal(given);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(who) && said.contains(&format!("pass {wanted}")), "{said}");
        assert!(!site.path("prod.age").exists());
    }
    let (code, said) = seal(&[other, none]);
    assert_eq!(code, Some(0), "{said}");
    // Alice's firmware is 5.4.3, bob's is 5.7.2.
    assert!(said.contains("alice: YubiKey 20000001 has firmware 5.4.3, which YSA-2024-03"), "{said}");
    assert!(!said.contains("20000002 has firmware"), "{said}");
    let shown = site.offline(&["inspect", "prod.age"]).output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("YSA-2024-03 (EUCLEAK, CVE-2024-45678) affects YubiKey 20000001"), "{shown}");
    assert!(!shown.contains("affects YubiKey 20000002"), "{shown}");
}

#[test]
fn fingerprints_are_typed_as_the_custodians_read_them_out() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    let words = |name: &str| {
        let file = std::fs::read(site.path(&format!("{name}.custodian"))).unwrap();
        breakglass::vault::words::of(&<sha2::Sha256 as sha2::Digest>::digest(file).into())
    };
    let arguments = |out: &'static str| {
        [
            "seal",
            "--threshold",
            "2",
            "--label",
            "prod",
            "--out",
            out,
            "--custodian",
            "alice.custodian",
            "--custodian",
            "bob.custodian",
            ALLOWED,
        ]
    };
    let run = |out| {
        let stdin = Input::Bytes(payload().to_string().into_bytes());
        Person::run_with(site.offline(&arguments(out)), Streams { stdin, ..Streams::default() })
    };
    let mut person = run("prod.age");
    person.expect("Ask alice to read out");
    person.type_line(&words("bob"));
    person.expect("these are not the words of this file");
    person.type_line(&words("alice").to_uppercase());
    person.expect("Ask bob to read out");
    person.type_line(&words("bob"));
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let shown = site.offline(&["inspect", "prod.age", "--json"]).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["custodians"][0]["fingerprint_checked"], true);

    let mut person = run("other.age");
    for _ in 0..3 {
        person.expect("Ask alice to read out");
        person.type_line("abandon abandon abandon abandon abandon abandon");
    }
    assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
    assert!(!site.path("other.age").exists());
}

#[test]
fn credentials_can_be_typed_with_each_secret_hidden_and_typed_twice() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    let mut person = Person::run(site.offline(&[
        "seal",
        "--threshold",
        "2",
        "--label",
        "typed",
        "--out",
        "typed.age",
        "--yes-fingerprints",
        ALLOWED,
        "--custodian",
        "alice.custodian",
        "--custodian",
        "bob.custodian",
    ]));
    let secret = |role: &str| format!("{role:x>40}");
    let answer = |person: &mut Person, prompt: &str, text: &str| {
        person.expect(prompt);
        person.type_line(text);
    };
    answer(&mut person, "target name: ", "prod");
    answer(&mut person, "partition", "");
    answer(&mut person, "account id: ", "123456789012");
    answer(&mut person, "regions: ", "eu-west-1 eu-north-1");
    answer(&mut person, "emergency IAM user: ", "emergency");
    answer(&mut person, "permissions boundary (ARN", "arn:aws:iam::123456789012:policy/ceiling");
    answer(&mut person, "boundary's document: ", "nonsense");
    answer(&mut person, "boundary's document: ", &"0".repeat(64));
    answer(&mut person, "longest window (like 4h): ", "1h");
    for role in ["opener", "closer", "emergency"] {
        let id = format!("AKIA{:0>16}", role.to_uppercase());
        answer(&mut person, &format!("{role}: access key id: "), &id);
        person.expect(&format!("{role}: secret access key: "));
        assert!(!person.is_echoing());
        person.type_line(&secret(role));
        answer(&mut person, &format!("{role}: secret access key again: "), &secret(role));
    }
    answer(&mut person, "grant", r#"[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]"#);
    answer(&mut person, "show these actions to the custodians before they approve?", "yes");
    answer(&mut person, "may the grant change IAM users, roles or policies?", "");
    answer(&mut person, "MFA device", "");
    answer(&mut person, "another target?", "");
    answer(&mut person, "runbook", "breathe");
    person.expect("words");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(!person.transcript().contains(&secret("opener")));
    // When a hidden prompt's line is erased, the earlier lines must stay.
    let screen = String::from_utf8_lossy(&person.raw_transcript()).into_owned();
    assert!(!screen.contains("\u{1b}[1A") && !screen.contains("\u{1b}[2A"), "{screen:?}");
}
