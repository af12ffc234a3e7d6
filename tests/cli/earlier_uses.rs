//! Tests of what the ledgers show about earlier uses of a vault. A record without a quorum's signatures does not make a
//! vault unusable. The program notices every use with a quorum's signatures.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::gate::SessionId;
use breakglass::ledger::{Ledger, Record};
use breakglass::vault::ceremony::Prepared;
use breakglass::vault::file::Vault;
use breakglass::vault::payload::Input;
use rig::aws::Account;
use rig::fixture::SealedVault;
use rig::pty::{End, Person};
use serde_json::json;

use crate::two_of_two;

/// Returns the transcript with single spaces instead of line breaks.
fn flat(person: &Person) -> String {
    person.transcript().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Opens the vault and closes access again.
fn use_it(vault: &SealedVault) {
    let mut person = vault.open("5m").again("more").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

/// Appends a copy of the last intent, with another session and the given changes. No custodian has approved this
/// intent.
fn forge(vault: &SealedVault, change: impl FnOnce(&mut Record)) -> SessionId {
    let ledger = Ledger::at(vault.site.path("state"));
    let entries = ledger.entries().unwrap();
    let mut forged = entries.iter().rev().find(|of| of.record.intent().is_some()).unwrap().record.clone();
    let id = SessionId::from_bytes([9; 8]);
    if let Record::Intent { session, .. } = &mut forged {
        *session = id;
    }
    change(&mut forged);
    ledger.append(jiff::Timestamp::now(), forged).unwrap();
    id
}

/// Seals `later.age` with the library: the next epoch of `prod.age`, with the same custodians and new credentials.
fn seal_later(vault: &SealedVault) {
    let old = Vault::parse(&fs::read(vault.site.path("prod.age")).unwrap()).expect("a vault");
    let mut payload = vault.account.payload(Account::grant(), "4h");
    payload["alerts"] = json!([rig::receiver::Receiver::shared().channel("oncall")]);
    let input = Input::parse(payload.to_string().as_bytes()).expect("a payload");
    let mut manifest = old.manifest.clone();
    (manifest.epoch, manifest.credentials_epoch) = (2, 2);
    manifest.replaces = Some(hex::encode(old.sha256));
    manifest.alerts = input.payload.channels();
    manifest.targets = input.payload.summaries();
    let prepared = Prepared::new(&manifest, &input.payload).expect("a sealed vault");
    fs::write(vault.site.path("later.age"), prepared.bytes(false)).unwrap();
}

#[test]
fn a_replaced_vault_is_opened_only_with_a_signed_reason() {
    let vault = two_of_two("uses-replaced").all_plugged();
    seal_later(&vault);
    // The vault of the later epoch is opened once. Its credentials are new, so the opening needs no reason.
    let open = ["open", "later.age", "--for", "5m", "--reason", "INC-1", "--", "true"];
    let mut person = vault.site.person(&open);
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());

    let writes = vault.writes();
    let mut person = vault.open("5m").again("x").run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
    let said = flat(&person);
    assert!(said.contains("epoch 2, was opened before") && said.contains("--older-epoch"), "{said}");
    assert!(!said.contains("passphrase"), "{said}");
    // The file of the later epoch is moved away. The program then checks the approvals with the keys in the old file.
    fs::rename(vault.site.path("later.age"), vault.site.path("later.moved")).unwrap();
    let mut person = vault.open("5m").again("x").run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
    assert_eq!(vault.writes(), writes, "nothing should have been enabled");

    let why = "the newer file is on a lost laptop";
    let mut person = vault.open("5m").args(&["--older-epoch", why, "--again", "x"]).run(&["true"]).start();
    let shown = person.expect("alice: passphrase part").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(&format!("epoch 1, even if a later epoch was opened: {why}")), "{shown}");
    person.type_line(&vault.site.custodian("alice").sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&vault.site.custodian("alice").pin);
    vault.site.answer(&mut person, "bob");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let intent = vault.site.records_of("intent").pop().expect("an intent");
    assert_eq!(intent["older_epoch"], why);
    let session = vault.site.last_session();
    let got = rig::receiver::Receiver::shared().got();
    let notice = got.iter().find(|got| got.json["session"] == *session).expect("a notice");
    assert_eq!(notice.json["older_epoch"], why, "{}", notice.json);
    assert!(notice.json["subject"].as_str().unwrap().contains("OVERRIDE"), "{}", notice.json);
    let approval = vault.site.records_of("approval").pop().expect("an approval");
    let payload = approval["envelope"]["payload"].as_str().expect("a payload");
    let payload = BASE64_STANDARD.decode(payload).expect("base64");
    assert!(String::from_utf8_lossy(&payload).contains(why), "the reason should be signed");
}

#[test]
fn an_unsigned_record_of_a_later_epoch_does_not_lock_the_vault() {
    let vault = two_of_two("uses-forged").all_plugged();
    use_it(&vault);
    let session = forge(&vault, |record| {
        if let Record::Intent { epoch, .. } = record {
            *epoch = u32::MAX.into();
        }
    });
    let mut person = vault.open("5m").again("more").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let said = flat(&person);
    let warned = format!(
        "(session {session}) of a ledger shows an opening of epoch 4294967295, but 0 of 2 approvals are valid"
    );
    assert!(said.contains(&warned) && said.contains("does not count"), "{said}");
    assert!(
        said.find(&warned) < said.find("please approve"),
        "the warning should precede the request: {said}"
    );
}

#[test]
fn an_unsigned_record_does_not_spend_the_credentials() {
    let vault = two_of_two("uses-unsigned").all_plugged();
    use_it(&vault);
    // The ledger contains only the forged intent.
    let ledger = Ledger::at(vault.site.path("state"));
    let entries = ledger.entries().unwrap();
    let intent = entries.iter().find(|of| of.record.intent().is_some()).unwrap().record.clone();
    fs::remove_file(ledger.path()).unwrap();
    ledger.append(jiff::Timestamp::now(), intent).unwrap();
    let (_, said) = {
        let done = vault.site.command(&["status", "prod.age"]).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    assert!(!said.contains("SPENT") && said.contains("OVERDUE      check the ledgers"), "{said}");
    let mut person = vault.open("5m").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(flat(&person).contains("0 of 2 approvals are valid"), "{}", person.transcript());
    // The control: custodians approved the opening above, so the credentials are spent.
    let mut person = vault.open("5m").run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    assert!(person.transcript().contains("are spent"), "{}", person.transcript());
}

#[test]
fn custodians_see_whether_the_ledger_is_new() {
    let vault = two_of_two("uses-new").all_plugged();
    use_it(&vault);
    let records = vault.site.records().len();
    let shown = |person: &mut Person| {
        person.expect("alice: passphrase part").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut person = vault.open("5m").again("x").hold().start();
    let said = shown(&mut person);
    assert!(said.contains(&format!("ledger {records} records, from 20")), "{said}");
    let mut person = vault.open("5m").env("BREAKGLASS_STATE", vault.site.path("new")).hold().start();
    let said = shown(&mut person);
    assert!(said.contains("ledger NEW: this machine has no record of any earlier use"), "{said}");
}

#[test]
fn custodians_see_that_the_ledger_is_not_the_one_of_the_last_session() {
    let vault = two_of_two("uses-other").all_plugged();
    let site = &vault.site;
    let shown = |state: &str| {
        let mut person = vault.open("5m").env("BREAKGLASS_STATE", site.path(state)).again("x").hold().start();
        person.expect("alice: passphrase part").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let other = "OTHER this is not the ledger that the last session of this vault used: session";
    assert!(!shown("state").contains("OTHER"), "no session is known yet");
    use_it(&vault);
    let session = site.last_session();
    let said = shown("state");
    assert!(!said.contains("OTHER"), "this ledger has the last session: {said}");
    // A new ledger, a ledger of other sessions, and an old copy of the ledger do not have the last session.
    fs::create_dir(site.path("copied")).unwrap();
    fs::copy(site.path("state/ledger.jsonl"), site.path("copied/ledger.jsonl")).unwrap();
    let said = shown("new");
    assert!(said.contains(&format!("{other} {session}, 20")), "{said}");
    use_it(&vault);
    let last = site.last_session();
    for state in ["copied", "new"] {
        let said = shown(state);
        assert!(said.contains(&format!("{other} {last}, 20")), "{state}: {said}");
    }
    // Without the note, the records of another ledger show the last session too.
    fs::remove_file(site.path("prod.age.last-session")).unwrap();
    site.configure(&json!({"ledgers": [site.path("state/ledger.jsonl")]}));
    let said = shown("new");
    assert!(said.contains(&format!("{other} {last}, 20")), "{said}");
    // The program does not trust what it cannot read, and opens all the same.
    for text in
        ["garbage", "{\"vault\":\"ff\",\"session\":\"0707070707070707\",\"at\":\"2026-11-22T02:17:00Z\"}"]
    {
        fs::write(site.path("prod.age.last-session"), text).unwrap();
        let said = shown("state");
        assert!(!said.contains("OTHER"), "{text}: {said}");
    }
}
