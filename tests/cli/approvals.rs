//! Tests of approvals: each custodian's token signs the request before the custodian gives a share. An auditor can
//! verify the signature with openssl.

use std::process::Command;
use std::time::Duration;

use rig::aws::Account;
use rig::fixture::{Opening, SealedVault};
use rig::pty::{End, Person};
use rig::receiver::{Manner, Receiver};
use rig::token::{Fault, Touch};
use serde_json::{Value, json};

use crate::{PROGRAM, two_of_three};

fn open(vault: &SealedVault) -> Opening<'_> {
    vault.open("5m").reason("INC-1: SSO down")
}

fn kinds(vault: &SealedVault) -> Vec<String> {
    vault
        .site
        .records()
        .iter()
        .map(|record| record["kind"].as_str().expect("each record should have a kind").to_owned())
        .collect()
}

/// Returns the shell commands under this heading of docs/audit.md.
fn audit_page(heading: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md")).unwrap();
    let chapter =
        page.split(&format!("\n## {heading}\n")).nth(1).expect("docs/audit.md should have this heading");
    let block = chapter.split("```sh\n").nth(1).expect("the section should have a block of commands");
    block.split("```").next().expect("the block of commands should have an end").to_owned()
}

/// Runs the commands for verifying an approval from docs/audit.md in the site's directory, with the site's ledger.
fn verify(vault: &SealedVault) -> (bool, String) {
    let mut shell = Command::new("sh");
    shell.args(["-euc", &audit_page("Verifying an approval")]).current_dir(vault.site.dir.path());
    shell.env("BREAKGLASS_STATE", vault.site.path("state"));
    let done = shell.output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[test]
fn approvals_are_signed_before_opening_and_openssl_verifies_them() {
    let vault = two_of_three("signed").plugged(&["alice", "carol"]);
    let before: Vec<_> = vault.site.custodians.iter().map(|c| c.token.counters()).collect();
    let mut person = open(&vault).run(&["true"]).start();
    person.expect("please approve: session");
    person.expect("for 5 min");
    person.expect("INC-1: SSO down");
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    for (custodian, before) in vault.site.custodians.iter().zip(before).filter(|(c, _)| c.name != "bob") {
        let now = custodian.token.counters();
        assert_eq!(now.signatures - before.signatures, 1, "{}", custodian.name);
        assert_eq!(now.agreements - before.agreements, 1, "{}", custodian.name);
        assert_eq!(
            now.touches_asked - before.touches_asked,
            2,
            "an approval and a share should take two touches of {}",
            custodian.name
        );
        assert_eq!(
            person.transcript().matches(&format!("{}: PIN of", custodian.name)).count(),
            1,
            "the PIN of {} should be asked for once",
            custodian.name
        );
    }
    let all = kinds(&vault);
    let place = |kind: &str| all.iter().position(|k| k == kind).unwrap_or_else(|| panic!("{kind}: {all:?}"));
    assert!(all[..4] == ["approval", "share", "approval", "share"] && place("intent") >= 4, "{all:?}");

    let (verified, said) = verify(&vault);
    assert!(verified && said.contains("Verified OK"), "{said}");
    let statement = std::fs::read_to_string(vault.site.path("statement.json")).unwrap();
    let statement: Value = serde_json::from_str(&statement).expect("the verified statement should be JSON");
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "urn:breakglass:open:v1");
    let file = std::fs::read(vault.site.path("prod.age")).unwrap();
    assert_eq!(
        statement["subject"][0]["digest"]["sha256"],
        sha256(&file),
        "the statement should name the vault's digest"
    );
    let (approval, ledger) = (&statement["predicate"], vault.site.records());
    let intent = &ledger[place("intent")];
    assert_eq!(approval["custodian"], "alice");
    assert_eq!(approval["request"]["session"], intent["session"]);
    assert_eq!(approval["request"]["reason"], "INC-1: SSO down");
    assert_eq!(approval["request"]["window"], 300);
    assert_eq!(approval["request"]["targets"][0]["user"], "emergency");
    assert_eq!(approval["remote"], false);
    assert_eq!(
        (&approval["ledger"]["seq"], &approval["ledger"]["sha256"]),
        (&0.into(), &"0".repeat(64).into())
    );

    let path = vault.site.path("state/ledger.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let alices = text.lines().find(|line| line.contains("\"custodian\":\"alice\"")).unwrap();
    let carols = text.lines().find(|line| line.contains("\"custodian\":\"carol\"")).unwrap();
    let sig = |line: &str| line.split("\"sig\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    std::fs::write(&path, text.replace(&sig(alices), &sig(carols))).unwrap();
    let (verified, said) = verify(&vault);
    assert!(
        !verified && !said.contains("Verified OK"),
        "the control: openssl should refuse alice's statement with carol's signature: {said}"
    );
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// Types alice's words and PIN.
fn alice(vault: &SealedVault, person: &mut Person) {
    let custodian = vault.site.custodian("alice");
    person.expect("alice: passphrase part (12 words): ");
    person.type_line(&custodian.sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&custodian.pin);
}

#[test]
fn without_a_touch_there_is_neither_an_approval_nor_a_share() {
    let vault = two_of_three("untouched").plugged(&["alice", "carol"]);
    vault.site.custodian("alice").token.set_touch(Touch::Never);
    let mut person = open(&vault).run(&["true"]).start();
    alice(&vault, &mut person);
    person.expect("alice: touch YubiKey 20000001 now, to approve");
    person.expect("try again, and touch the YubiKey when it blinks");
    vault.site.answer(&mut person, "carol");
    person.expect("waiting for");
    person.eof();
    assert_eq!(person.wait(), End::Code(4), "{}", person.transcript());
    assert_eq!(
        kinds(&vault),
        ["approval", "share"],
        "the ledger should have only carol's approval and share"
    );
    assert!(vault.writes().is_empty() && vault.is_closed());
}

#[test]
fn a_second_opening_needs_a_reason_that_the_custodians_sign() {
    let vault = two_of_three("spent").plugged(&["alice", "carol"]);
    let mut person = open(&vault).run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let writes = vault.writes();

    let mut person = open(&vault).run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("spent") && said.contains("--again") && !said.contains("passphrase"), "{said}");
    assert_eq!(vault.writes(), writes, "access should not have been enabled");

    let mut person = open(&vault).again("the first window was too short").run(&["true"]).start();
    person.expect("the first window was too short");
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (verified, said) = verify(&vault);
    assert!(verified && said.contains("\"again\":\"the first window was too short\""), "{said}");
    // The command `close` needs no reason, even if the credentials are spent.
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn the_request_is_shown_on_the_terminal_even_if_output_is_redirected() {
    let vault = two_of_three("redirected").plugged(&["alice", "carol"]);
    let program = PROGRAM.to_owned();
    let script =
        format!("exec {program} open prod.age --for 5m --reason 'INC-1:   SSO  down' -- true 2>said.log");
    let mut command = vault.site.command(&[]);
    let environment: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    let directory = command.get_current_dir().map(ToOwned::to_owned);
    command = Command::new("sh");
    command.args(["-c", &script]);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(directory.expect("the site's command should have a working directory"));
    let mut person = Person::run(command);
    person.expect("please approve: session");
    person.expect("reason   INC-1: SSO down");
    person.expect("AWS at   http://127.0.0.1");
    for name in ["alice", "carol"] {
        person.expect(&format!("{name}: passphrase part (12 words): "));
        person.type_line(&vault.site.custodian(name).sheet());
        person.expect(&format!("{name}: PIN of YubiKey"));
        person.type_line(&vault.site.custodian(name).pin);
        person.expect("now, to approve opening redirected for 5 min");
    }
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (_, said) = verify(&vault);
    assert!(
        said.contains(r#""endpoints":[{"host":"127.0.0.1""#),
        "the signed statement should contain AWS's endpoint: {said}"
    );
}

#[test]
fn spent_credentials_stay_spent_after_they_are_sealed_again() {
    let vault = two_of_three("spent-again").plugged(&["alice", "carol"]);
    let mut person = open(&vault).run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let mut payload = vault.account.payload(Account::grant(), "4h");
    payload["alerts"] = json!([Receiver::shared().channel("oncall")]);
    vault.site.seal_as("again.age", &payload, 2);
    let writes = vault.writes();
    let open = ["open", "again.age", "--for", "5m", "--reason", "INC-1", "--", "true"];
    let mut person = vault.site.person(&open);
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    assert!(person.transcript().contains("are spent"), "{}", person.transcript());
    assert_eq!(vault.writes(), writes, "access should not have been enabled");
}

#[test]
fn a_token_pulled_out_after_its_approval_does_not_sign_twice() {
    let vault = two_of_three("pulled-after").plugged(&["alice", "carol"]);
    vault.site.pull("carol");
    vault.site.custodian("alice").token.inject(Fault::UnplugAtUse(2));
    let mut person = open(&vault).run(&["true"]).start();
    person.expect("alice: passphrase part (12 words): ");
    person.type_line(&vault.site.custodian("alice").sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&vault.site.custodian("alice").pin);
    person.expect("alice: YubiKey 20000001 was pulled out or stopped answering");
    vault.site.plug("alice");
    person.expect("alice: PIN of YubiKey");
    person.type_line(&vault.site.custodian("alice").pin);
    person.expect("alice: share 1 of 2 given");
    person.eof();
    person.wait();
    assert_eq!(kinds(&vault), ["approval", "share"], "{}", person.transcript());
}

#[test]
fn only_one_of_two_concurrent_openings_on_one_machine_succeeds() {
    let vault = two_of_three("spent-at-once").plugged(&["alice", "carol"]);
    let slow = Receiver::start(Manner::Slow(Duration::from_secs(6)));
    let mut payload = vault.account.payload(Account::grant(), "4h");
    payload["alerts"] = json!([slow.channel("slow")]);
    vault.site.seal_as("slow.age", &payload, 2);
    let open = ["open", "slow.age", "--for", "5m", "--reason", "INC-1", "--", "true"];
    let mut both: Vec<_> = (0..2)
        .map(|_| {
            let mut person = vault.site.person(&open);
            vault.site.quorum(&mut person, 2);
            person.expect("alert: notifying");
            person
        })
        .collect();
    let mut ends: Vec<_> = both.iter_mut().map(Person::wait).collect();
    ends.sort_by_key(|end| *end != End::Code(0));
    let said: Vec<_> = both.iter().map(Person::transcript).collect();
    assert_eq!(ends, [End::Code(0), End::Code(1)], "{said:?}");
    assert!(
        said.iter().any(|said| said.contains("are spent") && said.contains("nothing was enabled")),
        "{said:?}"
    );
    assert!(vault.account.rest().at_rest());
}

#[test]
fn an_unwritable_ledger_stops_an_opening_before_any_share() {
    let vault = two_of_three("unrecorded").plugged(&["alice", "carol"]);
    let mut person = open(&vault).run(&["true"]).start();
    person.expect("passphrase part");
    let state = vault.site.path("state");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "ro", "none"]).arg(&state).status();
    assert!(mount.is_ok_and(|status| status.success()), "the ledger's directory should become read-only");
    person.type_line(&vault.site.custodian("alice").sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&vault.site.custodian("alice").pin);
    let end = person.wait();
    let unmounted = Command::new("umount").arg(&state).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert_eq!(end, End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("ledger") && said.contains("nothing was enabled"), "{said}");
    assert!(!said.contains("alice: share"), "{said}");
    assert!(vault.writes().is_empty() && vault.is_closed());
}
