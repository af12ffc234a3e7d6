//! Tests of the ledger's copy in a bucket with Object Lock. The copy grows with the ledger. An S3 outage only delays
//! the copy.

use std::process::Command;
use std::time::{Duration, Instant};

use rig::aws::{Account, REGION};
use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};
use rig::receiver::{Manner, Receiver};
use serde_json::{Value, json};

use crate::two_of_two;

/// A vault, and a machine that copies its ledger to a bucket. The copying IAM user is only allowed to put objects into
/// the bucket.
struct Shipped {
    vault: SealedVault,
    bucket: String,
}

impl Shipped {
    fn new(name: &str) -> Self {
        let vault = two_of_two(name).all_plugged();
        let bucket = format!("ledger-{}", vault.account.id);
        let shipped = Self { vault, bucket };
        let place = json!({"LocationConstraint": REGION});
        shipped.s3(
            "create_bucket",
            json!({"Bucket": shipped.bucket, "CreateBucketConfiguration": place,
            "ObjectLockEnabledForBucket": true}),
        );
        let account = &shipped.vault.account;
        let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
            "Action": ["s3:PutObject", "s3:PutObjectRetention", "s3:GetBucketObjectLockConfiguration"]}]});
        account.root("create_user", json!({"UserName": "shipper"}));
        account.root(
            "put_user_policy",
            json!({"UserName": "shipper", "PolicyName": "put",
            "PolicyDocument": document.to_string()}),
        );
        let key = account.root("create_access_key", json!({"UserName": "shipper"}))["AccessKey"].clone();
        let site = &shipped.vault.site;
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let profile = format!(
            "[shipper]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            text("AccessKeyId"),
            text("SecretAccessKey")
        );
        site.write(".aws/credentials", profile);
        let config = json!({"ship": {"bucket": shipped.bucket, "region": REGION, "prefix": "breakglass/desk-1",
            "profile": "shipper", "retain_days": 400, "mode": "COMPLIANCE"}});
        site.configure(&config);
        shipped
    }

    fn account(&self) -> &Account {
        &self.vault.account
    }

    fn s3(&self, op: &str, args: Value) -> Value {
        let account = self.account();
        account
            .call(&account.aws.root_of(&account.id), "s3", op, args)
            .unwrap_or_else(|e| panic!("{op}: {e:?}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.vault.site.command(arguments);
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command
    }

    fn open(&self, more: &[&str], env: &[(&str, &str)]) -> Person {
        let mut command = self.vault.open("5m").again("more").args(more).command();
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command.envs(env.iter().copied());
        let mut person = Person::run(command);
        self.vault.site.quorum(&mut person, 2);
        person
    }

    /// Replaces the permissions of the profile's IAM user.
    fn may(&self, actions: &[&str]) {
        let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
            "Action": actions}]});
        self.account().root(
            "put_user_policy",
            json!({"UserName": "shipper", "PolicyName": "put", "PolicyDocument": document.to_string()}),
        );
    }

    /// Starts an opening without `--again`, with an empty ledger.
    fn open_with_new_ledger(&self, env: &[(&str, &str)]) -> Person {
        let mut command = self.vault.open("5m").run(&["true"]).command();
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command.env("BREAKGLASS_STATE", self.vault.site.path("new")).envs(env.iter().copied());
        Person::run(command)
    }

    fn lines(&self) -> Vec<String> {
        self.vault.site.ledger().lines().map(str::to_owned).collect()
    }

    /// Returns the keys of the bucket's objects, in the order in which S3 lists them.
    fn keys(&self) -> Vec<String> {
        let listed = self.s3("list_objects_v2", json!({"Bucket": self.bucket}));
        let keys = listed["Contents"].as_array().cloned().unwrap_or_default();
        keys.iter().map(|object| object["Key"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn every_record_becomes_an_object_that_cannot_be_deleted() {
    let shipped = Shipped::new("shipped");
    let mut person = shipped.open(&["--hold"], &[]);
    person.expect("left");
    let begun = Instant::now();
    while shipped.keys().len() < shipped.lines().len() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(
        shipped.keys().len(),
        shipped.lines().len(),
        "all records should be copied while the window is open"
    );
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (keys, lines) = (shipped.keys(), shipped.lines());
    assert_eq!(keys.len(), lines.len(), "all records should be copied: {}", person.transcript());
    for (key, line) in keys.iter().zip(&lines) {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(key.starts_with("breakglass/desk-1/"), "{key}");
        assert!(key.contains(&format!("/{:012}-", entry["seq"].as_u64().unwrap())), "{key}: {line}");
        let head = shipped.s3("head_object", json!({"Bucket": shipped.bucket, "Key": key}));
        assert_eq!(head["ObjectLockMode"], "COMPLIANCE", "{head}");
        let until: jiff::Timestamp =
            retained(&head).parse().expect("the retention should end at a valid time");
        let days = until.duration_since(jiff::Timestamp::now()).as_hours() / 24;
        assert!((399..=400).contains(&days), "{head}");
        assert_eq!(head["ContentLength"], line.len(), "the object should be as long as the record's line");
    }
    let account = shipped.account();
    let version =
        shipped.s3("head_object", json!({"Bucket": shipped.bucket, "Key": keys[0]}))["VersionId"].clone();
    let gone = json!({"Bucket": shipped.bucket, "Key": keys[0], "VersionId": version});
    let root = account.aws.root_of(&account.id);
    assert!(
        account.call(&root, "s3", "delete_object", gone).is_err(),
        "root should not be able to delete a locked version"
    );
}

/// Returns the end of the object's retention. boto3 separates the date and the time with a space; this function
/// replaces the space by a `T`.
fn retained(head: &Value) -> String {
    head["ObjectLockRetainUntilDate"]
        .as_str()
        .expect("the object should have a retention date")
        .replace(' ', "T")
}

#[test]
fn an_auditor_with_permission_to_list_and_get_can_compare_the_copy() {
    let shipped = Shipped::new("audited");
    let mut person = shipped.open(&["--", "true"], &[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let verify = || {
        let done = shipped.command(&["ledger", "verify", "--shipped"]).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    let (code, said) = verify();
    assert!(
        code == Some(1) && said.contains("list object versions and get objects"),
        "the user that puts objects should not be allowed to list them: {said}"
    );
    shipped.may(&["s3:ListBucketVersions", "s3:GetObject", "s3:GetObjectVersion"]);
    let (code, said) = verify();
    assert!(code == Some(0) && said.contains("0 records are not in it"), "{said}");
}

#[test]
fn an_s3_outage_delays_nothing_and_queued_records_are_sent_later() {
    let shipped = Shipped::new("outage");
    let down = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")];
    let mut person = shipped.open(&["--", "true"], &down);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let count = shipped.lines().len();
    assert!(
        person.transcript().contains(&format!("{count} records of the ledger are not yet copied to s3://")),
        "{}",
        person.transcript()
    );
    assert!(shipped.keys().is_empty());
    let mut ship = shipped.command(&["ledger", "ship"]);
    let failed = ship.envs(down).output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("{count} records")) && said.contains("the records stay queued"), "{said}");
    // During the next opening, S3 is down again and the program is killed.
    let mut person = shipped.open(&["--hold"], &down);
    person.expect("left");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let done = shipped.command(&["ledger", "ship"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(shipped.keys().len(), shipped.lines().len());
    let done = shipped.command(&["ledger", "ship"]).output().unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains('0'), "no record should be sent twice");
    assert_eq!(shipped.keys().len(), shipped.lines().len());
}

/// Returns the transcript with single spaces instead of line breaks.
fn flat(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_copy_in_s3_shows_uses_of_the_vault_that_this_machines_ledger_does_not_have() {
    let shipped = Shipped::new("copy-read");
    let mut person = shipped.open(&["--hold"], &[]);
    person.expect("left");
    let begun = Instant::now();
    while shipped.keys().len() < shipped.lines().len() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
    }
    shipped.may(&[
        "s3:PutObject",
        "s3:PutObjectRetention",
        "s3:GetBucketObjectLockConfiguration",
        "s3:ListBucketVersions",
        "s3:GetObject",
        "s3:GetObjectVersion",
    ]);
    let status = |state: &str, more: &[&str]| {
        let mut command = shipped.command(&[&["status", "prod.age"], more].concat());
        command.env("BREAKGLASS_STATE", shipped.vault.site.path(state));
        let done = command.output().unwrap();
        (done.status.code(), flat(&String::from_utf8_lossy(&[done.stdout, done.stderr].concat())))
    };
    // A machine with an empty ledger finds the open window in the copy.
    let (code, said) = status("new", &[]);
    assert!(
        code == Some(10) && said.contains("MAY BE OPEN until") && said.contains("another machine"),
        "{said}"
    );
    let count = shipped.lines().len();
    assert!(said.contains(&format!("shipped copy read: {count} records of 1 ledger in s3://")), "{said}");
    let (_, said) = status("new", &["--json"]);
    assert!(
        said.contains(&format!(r#""shipped_copy":{{"read":true,"records":{count},"why":null}}"#)),
        "{said}"
    );
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());

    // An empty ledger does not make spent credentials usable.
    let mut person = shipped.open_with_new_ledger(&[]);
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = flat(&person.transcript());
    assert!(said.contains("are spent") && !said.contains("passphrase"), "{said}");
    // The control: without the copy, the ledger of this machine does not show the use.
    shipped.may(&["s3:PutObject"]);
    let mut person = shipped.open_with_new_ledger(&[]);
    let said = flat(&person.expect("passphrase part"));
    assert!(said.contains("ledger NEW") && said.contains("copy NOT read within 3 s: "), "{said}");
    assert!(said.contains("only the ledgers on this machine were consulted"), "{said}");
    person.eof();
    person.wait();
}

#[test]
fn a_copy_that_does_not_answer_delays_an_opening_by_at_most_three_seconds() {
    let shipped = Shipped::new("copy-hung");
    let first_prompt = |env: &[(&str, &str)]| {
        let begun = Instant::now();
        let mut person = shipped.open_with_new_ledger(env);
        let said = flat(&person.expect("alice: passphrase part"));
        (begun.elapsed(), said, person)
    };
    let hung = Receiver::start(Manner::Hang).url();
    let (took, said, mut person) = first_prompt(&[("AWS_ENDPOINT_URL_S3", hung.trim_end_matches("/alert"))]);
    assert!(took < Duration::from_secs(6), "the first prompt appeared after {took:?}");
    assert!(said.contains("copy NOT read within 3 s: S3 did not answer within 3 s"), "{said}");
    person.type_line(&shipped.vault.site.custodian("alice").sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&shipped.vault.site.custodian("alice").pin);
    shipped.vault.site.answer(&mut person, "bob");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}
