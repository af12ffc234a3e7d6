//! The ledger's second copy: it grows with the ledger in a bucket with Object Lock, and an outage only delays it.

use std::process::Command;
use std::time::{Duration, Instant};

use rig::aws::{Account, REGION};
use rig::night::Night;
use rig::pty::{End, Person, Signal};
use serde_json::{Value, json};

use crate::PROGRAM;

/// An office whose ledger is copied to a bucket of its own, by a user who may only put there.
struct Desk {
    night: Night,
    bucket: String,
}

impl Desk {
    fn new(name: &str) -> Self {
        let night = Night::new(PROGRAM, name, &["alice", "bob"]).plugged(&["alice", "bob"]);
        let bucket = format!("ledger-{}", night.account.id);
        let desk = Self { night, bucket };
        let place = json!({"LocationConstraint": REGION});
        desk.s3(
            "create_bucket",
            json!({"Bucket": desk.bucket, "CreateBucketConfiguration": place,
            "ObjectLockEnabledForBucket": true}),
        );
        let account = &desk.night.account;
        let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
            "Action": ["s3:PutObject", "s3:PutObjectRetention", "s3:GetBucketObjectLockConfiguration"]}]});
        account.root("create_user", json!({"UserName": "shipper"}));
        account.root(
            "put_user_policy",
            json!({"UserName": "shipper", "PolicyName": "put",
            "PolicyDocument": document.to_string()}),
        );
        let key = account.root("create_access_key", json!({"UserName": "shipper"}))["AccessKey"].clone();
        let office = &desk.night.office;
        std::fs::create_dir_all(office.path(".aws")).unwrap();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let profile = format!(
            "[shipper]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            text("AccessKeyId"),
            text("SecretAccessKey")
        );
        std::fs::write(office.path(".aws/credentials"), profile).unwrap();
        std::fs::create_dir_all(office.path(".config/breakglass")).unwrap();
        let config = json!({"ship": {"bucket": desk.bucket, "region": REGION, "prefix": "breakglass/desk-1",
            "profile": "shipper", "retain_days": 400, "mode": "COMPLIANCE"}});
        std::fs::write(office.path(".config/breakglass/config.json"), config.to_string()).unwrap();
        desk
    }

    fn account(&self) -> &Account {
        &self.night.account
    }

    fn s3(&self, op: &str, args: Value) -> Value {
        let account = self.account();
        account
            .call(&account.aws.root_of(&account.id), "s3", op, args)
            .unwrap_or_else(|e| panic!("{op}: {e:?}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.night.office.command(arguments);
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command
    }

    fn open(&self, more: &[&str], env: &[(&str, &str)]) -> Person {
        let arguments = ["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--again", "more"];
        let mut command = self.command(&[&arguments[..], more].concat());
        command.envs(env.iter().copied());
        let mut person = Person::run(command);
        self.night.office.quorum(&mut person, 2);
        person
    }

    fn lines(&self) -> Vec<String> {
        let ledger = std::fs::read_to_string(self.night.office.path("state/ledger.jsonl")).unwrap();
        ledger.lines().map(str::to_owned).collect()
    }

    /// The names of the objects that are there, in order.
    fn keys(&self) -> Vec<String> {
        let listed = self.s3("list_objects_v2", json!({"Bucket": self.bucket}));
        let keys = listed["Contents"].as_array().cloned().unwrap_or_default();
        keys.iter().map(|object| object["Key"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn every_record_is_an_object_that_nobody_can_take_back() {
    let desk = Desk::new("shipped");
    let mut person = desk.open(&["--hold"], &[]);
    person.expect("left");
    let begun = Instant::now();
    while desk.keys().len() < desk.lines().len() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(desk.keys().len(), desk.lines().len(), "while it is open");
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (keys, lines) = (desk.keys(), desk.lines());
    assert_eq!(keys.len(), lines.len(), "to the last: {}", person.transcript());
    for (key, line) in keys.iter().zip(&lines) {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(key.starts_with("breakglass/desk-1/"), "{key}");
        assert!(key.contains(&format!("/{:012}-", entry["seq"].as_u64().unwrap())), "{key}: {line}");
        let head = desk.s3("head_object", json!({"Bucket": desk.bucket, "Key": key}));
        assert_eq!(head["ObjectLockMode"], "COMPLIANCE", "{head}");
        let until: jiff::Timestamp = retained(&head).parse().expect("an instant");
        let days = until.duration_since(jiff::Timestamp::now()).as_hours() / 24;
        assert!((399..=400).contains(&days), "{head}");
        assert_eq!(head["ContentLength"], line.len(), "byte for byte");
    }
    let account = desk.account();
    let version = desk.s3("head_object", json!({"Bucket": desk.bucket, "Key": keys[0]}))["VersionId"].clone();
    let gone = json!({"Bucket": desk.bucket, "Key": keys[0], "VersionId": version});
    let root = account.aws.root_of(&account.id);
    assert!(account.call(&root, "s3", "delete_object", gone).is_err(), "not even by root");
}

/// Until when nobody can delete it; boto3's own form has a space.
fn retained(head: &Value) -> String {
    head["ObjectLockRetainUntilDate"].as_str().expect("a date").replace(' ', "T")
}

#[test]
fn an_auditor_who_may_list_and_get_compares_it() {
    let desk = Desk::new("audited");
    let mut person = desk.open(&["--", "true"], &[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let verify = || {
        let done = desk.command(&["ledger", "verify", "--shipped"]).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    let (code, said) = verify();
    assert!(code == Some(1) && said.contains("list versions and get objects"), "the shipper may not: {said}");
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["s3:ListBucketVersions", "s3:GetObject", "s3:GetObjectVersion"]}]});
    desk.account().root(
        "put_user_policy",
        json!({"UserName": "shipper", "PolicyName": "put", "PolicyDocument": document.to_string()}),
    );
    let (code, said) = verify();
    assert!(code == Some(0) && said.contains("0 records are not in it"), "{said}");
}

#[test]
fn an_outage_holds_nothing_up_and_what_was_queued_goes_later() {
    let desk = Desk::new("outage");
    let down = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")];
    let mut person = desk.open(&["--", "true"], &down);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let count = desk.lines().len();
    assert!(
        person.transcript().contains(&format!("{count} records of the ledger are not yet copied to s3://")),
        "{}",
        person.transcript()
    );
    assert!(desk.keys().is_empty());
    let mut ship = desk.command(&["ledger", "ship"]);
    let failed = ship.envs(down).output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("{count} records")) && said.contains("they stay queued"), "{said}");
    // Killed in the middle of the next one, too.
    let mut person = desk.open(&["--hold"], &down);
    person.expect("left");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let done = desk.command(&["ledger", "ship"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(desk.keys().len(), desk.lines().len());
    let done = desk.command(&["ledger", "ship"]).output().unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains('0'), "nothing is sent twice");
    assert_eq!(desk.keys().len(), desk.lines().len());
}
