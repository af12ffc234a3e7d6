//! Tests the ceremony without a network: three custodians enrol, and a vault is sealed and inspected.

use std::process::Command;

use rig::site::Site;
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
    }], "runbook": "breathe"})
}

#[test]
fn a_result_that_cannot_be_written_exits_1_without_a_panic() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    site.seal(&payload(), 2);
    for arguments in [&["inspect", "prod.age"][..], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let finished = site.offline(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&finished.stderr).into_owned();
        assert_eq!(finished.status.code(), Some(1), "{said}");
        assert!(said.contains("standard output"), "{said}");
    }
}

#[test]
fn three_custodians_enrol_and_a_vault_is_sealed_without_a_network() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob", "carol"]);
    let vault = site.seal(&payload(), 2);
    let shown = site.offline(&["inspect", "prod.age", "--json"]).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["threshold"], 2);
    assert_eq!(shown["custodians"][1]["name"], "bob");
    assert_eq!(shown["custodians"][1]["tokens"][0]["serial"], 20_000_002);
    assert_eq!(shown["targets"][0]["max_window"], "4h");
    let fields: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "alerts",
        "created",
        "credentials_epoch",
        "custodians",
        "epoch",
        "label",
        "lane",
        "replaces",
        "sha256",
        "targets",
        "threshold",
        "vault_id",
        "words",
    ];
    assert_eq!(fields, wanted);
    let file = std::fs::read(vault).unwrap();
    assert_eq!(shown["sha256"], hex::encode(<sha2::Sha256 as sha2::Digest>::digest(file)));
    let plain = site.offline(&["inspect", "prod.age"]).output().unwrap();
    assert!(String::from_utf8_lossy(&plain.stdout).contains("2 of 3 needed to open"));
}

#[test]
fn stock_age_reads_the_vault_and_finds_no_matching_identity() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    site.seal(&payload(), 2);
    let made =
        Command::new("age-keygen").args(["-o", "key.txt"]).current_dir(site.dir.path()).output().unwrap();
    assert!(made.status.success());
    let age = |file: &str| {
        let arguments = ["-d", "-i", "key.txt", file];
        let finished = Command::new("age").args(arguments).current_dir(site.dir.path()).output().unwrap();
        String::from_utf8_lossy(&finished.stderr).into_owned()
    };
    assert!(age("prod.age").contains("no identity matched"), "{}", age("prod.age"));
    assert!(
        !age("root.pem").contains("no identity matched"),
        "the control: age should reject a file that is not a vault"
    );
}
