//! Tests of `ledger verify`, `show` and `ship`, of a full disk, and of a ledger that another process has locked.

use std::fs;
use std::process::{Command, Output};

use breakglass::gate::SessionId;
use breakglass::ledger::{Ledger, Record};
use breakglass::vault::canonical;
use rig::fixture::SealedVault;
use rig::pty::{End, Person};
use rig::site::{Site, tempdir};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::two_of_two;

fn use_it(site: &Site) {
    let open = ["open", "prod.age", "--for", "5m", "--reason", "INC-1: SSO down", "--no-alert", "a test"];
    let mut person = site.person(&[&open[..], &["--", "true"]].concat());
    site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

fn output_of(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn verify(site: &Site, more: &[&str]) -> (Option<i32>, String) {
    output_of(site.command(&[&["ledger", "verify"], more].concat()))
}

fn write(site: &Site, lines: &[String]) {
    fs::write(site.path("state/ledger.jsonl"), lines.join("\n") + "\n").unwrap();
}

/// Returns the lines with a recomputed chain, as an owner of the ledger file could do.
fn rechained(lines: &[String]) -> Vec<String> {
    let mut prev = "0".repeat(64);
    let again = lines.iter().zip(0_u64..).map(|(line, seq)| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["prev"] = prev.clone().into();
        record["seq"] = seq.into();
        let line = canonical::text(&record).unwrap();
        prev = hex::encode(Sha256::digest(&line));
        line
    });
    again.collect()
}

#[test]
fn ledger_verify_finds_every_change_and_names_the_record() {
    let vault = two_of_two("ledger-tampered").all_plugged();
    let site = &vault.site;
    use_it(site);
    let text = fs::read_to_string(site.path("state/ledger.jsonl")).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (code, said) = verify(site, &["--vault", "prod.age", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let whole: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(whole["records"], lines.len(), "{whole}");
    assert_eq!(
        (&whole["statements"], &whole["heads"], &whole["signatures"], &whole["openings"]),
        (&2.into(), &2.into(), &2.into(), &1.into())
    );
    let (words, sha256) = (whole["words"].as_str().unwrap(), whole["sha256"].as_str().unwrap());
    for head in [words, sha256] {
        let (code, said) = verify(site, &["--head", head]);
        assert!(code == Some(0) && said.contains("is in the chain; 0 records follow it"), "{said}");
    }
    fs::write(site.path("copy.jsonl"), &text).unwrap();
    for at in 0..lines.len() {
        let last = at + 1 == lines.len();
        let mut taken = lines.clone();
        taken.remove(at);
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        let mut edited = lines.clone();
        edited[at] = edited[at].replace("\"at\":\"20", "\"at\":\"21");
        let mut damaged = vec![("inserted", twice), ("removed", taken), ("edited", edited)];
        if !last {
            let mut moved = lines.clone();
            moved.swap(at, at + 1);
            damaged.push(("moved", moved));
        }
        for (how, changed) in damaged {
            write(site, &changed);
            // Only a head or a copy reveals a change of the last record, because no later record contains its digest.
            let alone = verify(site, &[]);
            if !(last && how != "inserted") {
                assert_eq!(alone.0, Some(6), "{how} {at}: {}", alone.1);
                assert!(alone.1.contains("line ") && alone.1.contains("record "), "{}", alone.1);
            }
            for help in [["--head", words], ["--head", sha256], ["--copy", "copy.jsonl"]] {
                let (code, said) = verify(site, &help);
                assert_eq!(code, Some(6), "{how} {at} {help:?}: {said}");
            }
            if how != "inserted" {
                // After a recomputation of the chain, an earlier head reveals that the ledger was changed. A copy
                // reveals the first changed record.
                write(site, &rechained(&changed));
                assert_eq!(verify(site, &["--head", words]).0, Some(6), "{how} {at}");
                let (code, said) = verify(site, &["--copy", "copy.jsonl"]);
                assert!(code == Some(6) && said.contains(&format!("record {at}")), "{how} {at}: {said}");
            }
        }
        fs::write(
            site.path("state/ledger.jsonl"),
            lines[..at].iter().map(|line| line.clone() + "\n").collect::<String>(),
        )
        .unwrap();
        let (code, said) = verify(site, &["--head", &format!("{}: {words}", lines.len())]);
        assert!(
            code == Some(6) && said.contains(&format!("from record {at} on")),
            "a ledger that is cut off at record {at} should be reported: {said}"
        );
    }
}

#[test]
fn a_rebuilt_chain_contradicts_what_the_tokens_signed() {
    let vault = two_of_two("ledger-rebuilt").all_plugged();
    let site = &vault.site;
    use_it(site);
    let text = fs::read_to_string(site.path("state/ledger.jsonl")).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let approvals: Vec<usize> =
        (0..lines.len()).filter(|&at| lines[at].contains("\"kind\":\"approval\"")).collect();
    // Changes the record before the second approval, and recomputes the chain.
    let mut edited = lines.clone();
    edited[approvals[1] - 1] = edited[approvals[1] - 1].replace("\"at\":\"20", "\"at\":\"21");
    write(site, &rechained(&edited));
    let (code, said) = verify(site, &[]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("approval") && said.contains("the chain rebuilt"), "{said}");
    // Copies the signatures of the second approval to the first approval, which has a different statement.
    let mut forged: Value = serde_json::from_str(&lines[approvals[0]]).unwrap();
    let other: Value = serde_json::from_str(&lines[approvals[1]]).unwrap();
    forged["envelope"]["signatures"] = other["envelope"]["signatures"].clone();
    let mut edited = lines.clone();
    edited.truncate(approvals[1]);
    edited[approvals[0]] = canonical::text(&forged).unwrap();
    write(site, &rechained(&edited));
    assert_eq!(
        verify(site, &[]).0,
        Some(0),
        "the control: verification without the vault should not find the change"
    );
    let (code, said) = verify(site, &["--vault", "prod.age"]);
    assert!(code == Some(6) && said.contains("not from a token"), "{said}");
}

#[test]
fn the_documented_shell_commands_check_the_chain() {
    let vault = two_of_two("ledger-by-hand").all_plugged();
    let site = &vault.site;
    use_it(site);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ledger.md")).unwrap();
    let mut blocks = page.split("```sh\n").filter_map(|rest| rest.split_once("```"));
    let (recipe, _) = blocks
        .find(|(block, _)| block.starts_with("prev="))
        .expect("docs/ledger.md should show the commands");
    let text = fs::read_to_string(site.path("state/ledger.jsonl")).unwrap();
    let by_hand = |text: &str| {
        let dir = tempdir();
        fs::write(dir.path().join("ledger.jsonl"), text).unwrap();
        let mut command = Command::new("bash");
        command.args(["-c", recipe]).current_dir(dir.path());
        output_of(command)
    };
    let head = hex::encode(Ledger::at(site.path("state")).head().unwrap().sha256);
    let (_, said) = by_hand(&text);
    assert!(said.trim() == format!("head {head}"), "{said}");
    let (_, said) = by_hand(&text.replacen("SSO down", "SSO fine", 1));
    assert!(
        said.contains("does not chain"),
        "the control: the commands should detect an edited record: {said}"
    );
}

#[test]
fn ledger_verify_finds_an_opening_that_no_quorum_approved() {
    let vault = two_of_two("ledger-unapproved").all_plugged();
    let site = &vault.site;
    use_it(site);
    let ledger = Ledger::at(site.path("state"));
    let entries = ledger.entries().unwrap();
    let intent = entries.iter().find(|entry| entry.record.intent().is_some()).unwrap().record.clone();
    let unapproved = |change: &dyn Fn(&mut Record)| {
        let mut record = intent.clone();
        change(&mut record);
        let before = fs::read(ledger.path()).unwrap();
        ledger.append(jiff::Timestamp::now(), record).unwrap();
        let (code, said) = verify(site, &["--vault", "prod.age"]);
        fs::write(ledger.path(), before).unwrap();
        (code, said)
    };
    assert_eq!(
        verify(site, &["--vault", "prod.age"]).0,
        Some(0),
        "the control: the unchanged ledger should be valid"
    );
    let (code, said) = unapproved(&|_| ());
    assert!(code == Some(6) && said.contains("already has an intent"), "{said}");
    let (code, said) = unapproved(&|record| {
        if let Record::Intent { session, .. } = record {
            *session = SessionId::from_bytes([9; 8]);
        }
    });
    assert!(code == Some(6) && said.contains("0 valid approvals of exactly this request"), "{said}");
    let longer = |record: Record| {
        let mut lines: Vec<String> =
            fs::read_to_string(ledger.path()).unwrap().lines().map(str::to_owned).collect();
        for line in &mut lines {
            let mut of: Value = serde_json::from_str(line).unwrap();
            if of["kind"] == record.kind() {
                of["until"] = "2099-01-01T00:00:00Z".into();
            }
            *line = of.to_string();
        }
        lines
    };
    let window = entries.iter().find(|entry| entry.record.kind() == "window").unwrap().record.clone();
    write(site, &rechained(&longer(window)));
    let (code, said) = verify(site, &[]);
    assert!(code == Some(6) && said.contains("the intent requested 300 s"), "{said}");
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let vault = two_of_two("ledger-piped").all_plugged();
    let site = &vault.site;
    use_it(site);
    for arguments in [&["ledger", "show"][..], &["ledger", "show", "--json"], &["inspect", "prod.age"]] {
        let mut command = site.command(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, said) = told_into(&mut command, writer.into());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

fn told_into(command: &mut Command, stdout: std::process::Stdio) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command
        .stdout(stdout)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn ledger_show_wraps_and_emits_no_escape_sequences() {
    let vault = two_of_two("ledger-shown").all_plugged();
    let site = &vault.site;
    use_it(site);
    let ledger = Ledger::at(site.path("state"));
    let session = SessionId::from_bytes([7; 8]);
    let cause = "\u{1b}[2J\u{202e}\u{7} cleared".to_owned();
    ledger.append(jiff::Timestamp::now(), Record::Closed { session, probed: false, cause }).unwrap();
    let mut person = Person::run(site.command(&["ledger", "show"]));
    assert_eq!(person.wait(), End::Code(0));
    let screen = person.transcript();
    let shown = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["alice signed", "INC-1: SSO down", "no alert: a test", "closed, probed", "?[2J?? cleared"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!person.raw_transcript().contains(&0x1b), "the output should have no escape sequences");
    let widest = |text: &str| text.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(
        (Some(81)..=Some(160)).contains(&widest(&screen)),
        "the output should be no wider than 160 columns: {screen}"
    );
    let (_, piped) = output_of(site.command(&["ledger", "show"]));
    assert!(widest(&piped) <= Some(80), "{piped}");
    let (code, said) =
        output_of(site.command(&["ledger", "show", "--json", "--session", &session.to_string()]));
    assert_eq!(code, Some(0));
    let line: Value = serde_json::from_str(&said).expect("the output should be one JSON object");
    let head = ledger.head().unwrap();
    assert_eq!(line["record_sha256"], hex::encode(head.sha256), "{line}");
    assert_eq!(
        (&line["kind"], line["ledger"].as_str().map(str::len)),
        (&"closed".into(), Some(16)),
        "{line}"
    );
    assert_eq!(output_of(site.command(&["ledger", "show", "--ledger", "nowhere.jsonl"])).0, Some(2));
}

#[test]
fn a_locked_ledger_is_reported_after_a_timeout() {
    let dir = tempdir();
    let ledger = Ledger::at(dir.path());
    let record =
        || Record::Closed { session: SessionId::from_bytes([7; 8]), probed: true, cause: "x".into() };
    ledger.append(jiff::Timestamp::now(), record()).unwrap();
    let held = fs::File::open(ledger.path()).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = ledger
        .append(jiff::Timestamp::now(), record())
        .expect_err("an append to a locked ledger should fail");
    assert!(error.what.contains("locked by another process"), "{error}");
    drop(held);
    ledger.append(jiff::Timestamp::now(), record()).unwrap();
    assert_eq!(ledger.entries().unwrap().len(), 2);
}

const DISK: &str = "BREAKGLASS_TEST_DISK";

/// Appends records to a ledger on a nearly full disk until an append fails.
#[test]
#[ignore = "this test is started by another test, in a mount namespace"]
fn writer_on_a_full_disk() {
    let Some(disk) = std::env::var_os(DISK).map(std::path::PathBuf::from) else { return };
    let ledger = Ledger::at(disk.join("state"));
    let record = |cause: &str| Record::Closed {
        session: SessionId::from_bytes([7; 8]),
        probed: true,
        cause: cause.into(),
    };
    let mut kept = 0;
    let error = loop {
        match ledger.append(jiff::Timestamp::now(), record(&"x".repeat(1500 + kept))) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(error.what.contains("cannot write the ledger"), "{error}");
    assert!(error.next.as_deref().is_some_and(|next| next.contains("free space")), "{error}");
    let bytes = fs::read(ledger.path()).unwrap();
    assert!(kept > 0 && bytes.ends_with(b"\n"), "no partial line should be left in the ledger");
    assert_eq!(ledger.entries().expect("the chain should be intact").len(), kept);
    fs::remove_file(disk.join("filler")).unwrap();
    ledger.append(jiff::Timestamp::now(), record("space again")).unwrap();
    assert_eq!(ledger.entries().expect("the chain should be intact").len(), kept + 1);
    println!("{kept} records until the disk was full, and one record after space was made");
}

#[test]
fn a_full_disk_is_reported_and_loses_no_record() {
    let dir = tempdir();
    let script = "mount -t tmpfs -o size=64k tmpfs \"$BREAKGLASS_TEST_DISK\" && \
        head -c 20000 /dev/zero > \"$BREAKGLASS_TEST_DISK/filler\" && \
        exec \"$0\" ledger::writer_on_a_full_disk --exact --ignored --nocapture";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(std::env::current_exe().unwrap()).env(DISK, dir.path());
    let (code, said) = output_of(command);
    assert!(code == Some(0) && said.contains("after space was made"), "{said}");
}

/// Creates a bucket in the account, and a configuration with which the program copies the ledger to the bucket. Returns
/// the bucket's name.
fn bucket(vault: &SealedVault, locked: bool) -> String {
    let (site, account) = (&vault.site, &vault.account);
    let root = account.aws.root_of(&account.id);
    let name = format!("ledger-{}-{locked}", account.id);
    let region = json!({"LocationConstraint": rig::aws::REGION});
    let made =
        json!({"Bucket": name, "ObjectLockEnabledForBucket": locked, "CreateBucketConfiguration": region});
    account.aws.call(&root, "s3", "create_bucket", made).expect("the bucket should be created");
    let ship = json!({"bucket": name, "region": rig::aws::REGION, "prefix": "breakglass", "profile": "ledger",
        "retain_days": 30, "mode": "COMPLIANCE"});
    fs::create_dir_all(site.path(".config/breakglass")).unwrap();
    fs::write(site.path(".config/breakglass/config.json"), json!({"ship": ship}).to_string()).unwrap();
    fs::create_dir_all(site.path(".aws")).unwrap();
    fs::write(site.path(".aws/credentials"), root.profile("ledger")).unwrap();
    name
}

/// Returns a command that runs the program with the profile for copying the ledger. If `reachable` is false, S3 cannot
/// be reached.
fn shipping(site: &Site, arguments: &[&str], reachable: bool) -> Command {
    let mut command = site.command(arguments);
    command.env_remove("XDG_CONFIG_HOME");
    command.env("AWS_SHARED_CREDENTIALS_FILE", site.path(".aws/credentials"));
    if !reachable {
        command.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
    }
    command
}

#[test]
fn the_copy_in_a_bucket_with_object_lock_reveals_every_change_of_the_ledger() {
    let vault = two_of_two("ledger-shipped").all_plugged();
    let bucket = bucket(&vault, true);
    let (site, account) = (&vault.site, &vault.account);
    let root = account.aws.root_of(&account.id);
    let s3 = |op: &str, arguments: Value| account.aws.call(&root, "s3", op, arguments);
    let objects = || {
        let listed =
            s3("list_objects_v2", json!({"Bucket": bucket})).expect("the bucket's objects should be listed");
        let keys = listed["Contents"].as_array().cloned().unwrap_or_default();
        keys.iter().map(|object| object["Key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let open = ["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--no-alert", "a test", "--", "true"];

    // During an S3 outage, the window opens and closes as usual. The program warns that records are queued.
    let mut person = Person::run(shipping(site, &open, false));
    site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("breakglass ledger ship"), "{}", person.transcript());
    let ledger = Ledger::at(site.path("state"));
    let count = ledger.entries().unwrap().len();
    let (code, said) = output_of(shipping(site, &["ledger", "ship"], false));
    assert!(
        code == Some(1) && said.contains(&format!("{count} records of the ledger are not yet copied to")),
        "{said}"
    );
    assert_eq!(objects().len(), 0, "the control: nothing should be sent while S3 is down");

    let (code, said) = output_of(shipping(site, &["ledger", "ship"], true));
    assert!(code == Some(0) && said.contains(&format!("{count} records")), "{said}");
    assert_eq!(objects().len(), count);

    // During the next session, the program sends each new record.
    let again = [&open[..8], &["--again", "a second time", "--", "true"]].concat();
    let mut person = Person::run(shipping(site, &again, true));
    site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let count = ledger.entries().unwrap().len();
    assert_eq!(objects().len(), count, "{}", person.transcript());
    let (code, said) = output_of(shipping(site, &["ledger", "verify", "--shipped"], true));
    assert!(code == Some(0) && said.contains("0 records are not in it"), "{said}");

    // A locked version of an object cannot be deleted.
    let key = objects()[0].clone();
    let versions = s3("list_object_versions", json!({"Bucket": bucket, "Prefix": key}))
        .expect("the object's versions should be listed");
    let version =
        versions["Versions"][0]["VersionId"].as_str().expect("the object should have a version").to_owned();
    let error = s3("delete_object", json!({"Bucket": bucket, "Key": key, "VersionId": version}));
    assert_eq!(error.expect_err("deleting a locked version should fail").code, "AccessDenied");
    // A delete marker does not hide an object's version from `ledger verify`.
    s3("delete_object", json!({"Bucket": bucket, "Key": key})).expect("a delete marker should be created");
    assert_eq!(output_of(shipping(site, &["ledger", "verify", "--shipped"], true)).0, Some(0));

    // Cuts off the last record of the ledger. Then edits a record and recomputes the chain.
    let text = fs::read_to_string(ledger.path()).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    write(site, &lines[..count - 1]);
    let (code, said) = output_of(shipping(site, &["ledger", "verify", "--shipped"], true));
    assert!(code == Some(6) && said.contains(&format!("record {}", count - 1)), "{said}");
    let (code, said) = output_of(shipping(site, &["ledger", "ship"], true));
    assert!(code == Some(6) && said.contains("cut off"), "{said}");
    let mut edited = lines.clone();
    edited[count - 2] = edited[count - 2].replace("\"at\":\"20", "\"at\":\"21");
    write(site, &rechained(&edited));
    let (code, said) = output_of(shipping(site, &["ledger", "verify", "--shipped"], true));
    assert!(code == Some(6) && said.contains(&format!("record {}", count - 2)), "{said}");

    // Edits a record, and recomputes the chain for all records except the last. The broken chain suggests that the last
    // record was edited, but the comparison with the copy finds the edited record.
    let mut partly = lines.clone();
    partly[1] = partly[1].replace("\"at\":\"20", "\"at\":\"21");
    let mut partly = rechained(&partly);
    partly[count - 1].clone_from(&lines[count - 1]);
    write(site, &partly);
    let (code, said) = output_of(shipping(site, &["ledger", "verify", "--shipped", "--json"], true));
    let damage: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert!(code == Some(6) && damage["damage"]["seq"] == 1, "{said}");

    // Deletes the ledger. `ledger verify` detects the deletion with and without `--shipped`.
    fs::remove_file(ledger.path()).unwrap();
    for help in [&["ledger", "verify"][..], &["ledger", "verify", "--shipped"]] {
        let (code, said) = output_of(shipping(site, help, true));
        assert!(code == Some(6) && said.contains(&format!("{count} of its records were shipped")), "{said}");
    }
    let (code, said) = output_of(shipping(site, &open, true));
    assert!(code == Some(6) && said.contains("is gone"), "open should refuse: {said}");
    for command in [&["status", "prod.age"][..], &["ledger", "show"]] {
        let (code, said) = output_of(shipping(site, command, true));
        assert!(code == Some(6) && said.contains("is gone"), "{command:?}: {said}");
    }

    // If `shipped.json` is missing, the program sends all records again, under the same object keys.
    write(site, &lines);
    fs::remove_file(site.path("state/shipped.json")).unwrap();
    assert_eq!(output_of(shipping(site, &["ledger", "ship"], true)).0, Some(0));
    assert_eq!(output_of(shipping(site, &["ledger", "verify", "--shipped"], true)).0, Some(0));

    // A second version of an object does not hide the first version.
    let key = objects()[1].clone();
    s3("put_object", json!({"Bucket": bucket, "Key": key, "Body": "garbage"}))
        .expect("the object should be written");
    assert_eq!(output_of(shipping(site, &["ledger", "verify", "--shipped"], true)).0, Some(0));

    // A principal that can put objects can add a second object for a record. `ledger verify` detects the second object.
    let edited = rechained(&edited);
    let forged = |at: usize| {
        let mut of_number = objects().into_iter().filter(|key| key.contains(&format!("/{at:012}-")));
        let (line, key) =
            (&edited[at], of_number.next().expect("the bucket should have an object for this record"));
        let digest = &hex::encode(Sha256::digest(line))[..16];
        let (directory, _) = key.rsplit_once('/').expect("the key of an object should contain a slash");
        (format!("{directory}/{at:012}-{digest}.json"), line)
    };
    let (key, line) = forged(count - 2);
    s3("put_object", json!({"Bucket": bucket, "Key": key, "Body": line}))
        .expect("the object should be written");
    for ledger in [&lines, &edited] {
        write(site, ledger);
        let (code, said) = output_of(shipping(site, &["ledger", "verify", "--shipped"], true));
        assert_eq!(code, Some(6), "two objects for one record should be reported: {said}");
    }
}

#[test]
fn a_bucket_without_object_lock_is_reported() {
    let vault = two_of_two("ledger-unlocked").all_plugged();
    bucket(&vault, false);
    let open = ["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--no-alert", "a test", "--", "true"];
    let mut person = Person::run(shipping(&vault.site, &open, true));
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("has no Object Lock"), "{}", person.transcript());
    let (code, said) = output_of(shipping(&vault.site, &["ledger", "ship"], true));
    assert!(
        code == Some(1) && said.contains("has no Object Lock"),
        "the exit status should show the failure, so that cron reports it: {said}"
    );
}
