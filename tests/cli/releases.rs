//! Tests of a close by a quorum, which is a use of the vault. The request is shown, signed and recorded, alerts are
//! sent, and the shares count as released. Neither records nor alerts delay the close.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};
use rig::receiver::{Manner, Receiver};
use rig::token::{Fault, Touch};
use serde_json::Value;

use crate::two_of_two;

fn output_of(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

/// Returns the transcript with single spaces instead of line breaks.
fn flat(person: &Person) -> String {
    person.transcript().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_close_by_a_quorum_is_shown_signed_and_recorded_and_sends_alerts() {
    let oncall = Receiver::start(Manner::Status(200));
    let vault = two_of_two("release").alerts(|_| vec![oncall.channel("oncall")]).all_plugged();
    let mut person = vault.open("5m").hold().until_open();
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let session = vault.site.last_session();

    let mut person = vault.site.person(&["close", "prod.age"]);
    let before = person.expect("alice: passphrase part").split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "please give your shares to close release (user emergency, account",
        "use breakglass close prod.age --target release --profile NAME (NAME is an AWS profile that is allowed to attach AWSDenyAll to the user): it closes the same window, and needs no share",
        "attaches AWSDenyAll and deactivates the keys",
        &session,
        "count as released; with 2 shares the vault is decrypted, and the credentials are spent",
        "alerts oncall",
        "AWS at http://127.0.0.1",
    ] {
        assert!(before.contains(part), "{part:?} should be shown before the first prompt: {before}");
    }
    let place = |part: &str| before.find(part).expect("a row");
    assert!(
        place("--profile NAME") < place("attaches AWSDenyAll"),
        "the close without shares should be named first"
    );
    person.type_line(&vault.site.custodian("alice").sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&vault.site.custodian("alice").pin);
    person.expect("now, to sign the request to close release");
    person.expect("alice: share 1 of 2 given");
    vault.site.answer(&mut person, "bob");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.is_closed() && vault.account.rest().at_rest());

    let topics = oncall.topics(&session);
    assert_eq!(topics, ["opening", "closing", "closed"]);
    let notice = oncall.got().into_iter().find(|got| got.json["topic"] == "closing").expect("a notice").json;
    assert_eq!(notice["approved_by"], serde_json::json!(["alice", "bob"]), "{notice}");
    let signed = vault.site.records_of("close_approval");
    let names: Vec<_> = signed.iter().map(|record| record["custodian"].as_str().unwrap()).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert!(signed.iter().all(|record| record["session"] == *session), "{signed:?}");
    let given = vault.site.records_of("share").into_iter().filter(|share| share["purpose"] == "close");
    assert_eq!(given.map(|share| share["session"].clone()).collect::<Vec<_>>(), [&*session; 2]);
    let (code, said) = output_of(vault.site.command(&["ledger", "verify", "--vault", "prod.age", "--json"]));
    let verified: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    assert_eq!((code, &verified["statements"], &verified["signatures"]), (Some(0), &4.into(), &4.into()));
    let (_, said) = output_of(vault.site.command(&["ledger", "show", "--session", &session]));
    assert!(said.contains("alice signed to close") && said.contains("alice gave a share to close"), "{said}");
}

#[test]
fn after_a_close_by_a_quorum_the_credentials_are_spent() {
    let vault = two_of_two("release-spent").all_plugged();
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let (code, said) = output_of(vault.site.command(&["status", "prod.age"]));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("SPENT by a quorum's close") && said.contains("OVERDUE rotate the credentials"),
        "{said}"
    );
    let (code, said) = output_of(vault.site.command(&["status", "prod.age", "--json"]));
    let status: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    let readiness = &status["readiness"];
    assert_eq!((code, &readiness["released_shares"]), (Some(1), &2.into()), "{readiness}");
    assert_eq!(readiness["spent"]["purpose"], "close", "{readiness}");

    let mut person = vault.open("5m").run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    assert!(flat(&person).contains("are spent: a quorum gave its shares"), "{}", person.transcript());
    let mut person = vault.open("5m").again("rotation is under way").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(0), "a close should never be refused: {}", person.transcript());
}

/// Closes an open window with a quorum. Returns the person and the time from the last share to the close.
fn close_in_time(vault: &SealedVault) -> (Person, Duration) {
    let now = vault.account.now();
    vault.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = vault.close(&["--force"]);
    let begun = Instant::now();
    person.expect("close: closed");
    (person, begun.elapsed())
}

#[test]
fn signing_recording_and_alerting_do_not_delay_a_close_by_a_quorum() {
    let vault = two_of_two("release-at-once")
        .alerts(|_| {
            let mut hung = Receiver::start(Manner::Hang).channel("oncall");
            hung["timeout"] = "15s".into();
            vec![hung]
        })
        .all_plugged();
    let plain = close_in_time(&vault).1;
    let limit = plain + Duration::from_secs(3);

    // In this run, alice's token makes a wrong signature, and the last line of the ledger is damaged.
    vault.site.custodian("alice").token.inject(Fault::WrongResult);
    let intact = vault.site.ledger();
    vault.site.write("state/ledger.jsonl", intact.clone() + "not a record\n");
    let (mut person, took) = close_in_time(&vault);
    assert!(took < limit, "the close took {took:?}; without a fault, it took {plain:?}");
    assert!(vault.is_closed());
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
    let said = flat(&person);
    for part in [
        "alice: the close is not signed: YubiKey 20000001 failed",
        "closing goes on",
        "not recorded: the share of alice: ",
        "not recorded: the signature of bob: ",
        "not recorded: the share of bob: ",
        "oncall did not acknowledge that a quorum closes",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    vault.site.write("state/ledger.jsonl", intact);

    // In this run, the ledger's directory is not writable, and bob does not touch his token to sign.
    let state = vault.site.path("state");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "ro", "none"]).arg(&state).status();
    assert!(mount.is_ok_and(|status| status.success()), "the ledger's directory should become read-only");
    let (mut person, took) = close_in_time(&vault);
    let end = person.wait_within(Duration::from_mins(1));
    let unmounted = Command::new("umount").arg(&state).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert!(took < limit, "the close took {took:?}; without a fault, it took {plain:?}");
    assert_eq!(end, End::Code(0), "{}", person.transcript());
    assert!(flat(&person).contains("not recorded: the signature of alice: "), "{}", person.transcript());

    // Another process holds the lock of the ledger.
    let held = std::fs::File::open(vault.site.path("state/ledger.jsonl")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let (mut person, took) = close_in_time(&vault);
    assert!(took < limit, "the close took {took:?}; without a fault, it took {plain:?}");
    drop(held);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
}

#[test]
fn a_custodian_who_misses_the_touch_for_the_signature_can_still_give_the_share() {
    let vault = two_of_two("release-untouched").all_plugged();
    let alice = vault.site.custodian("alice");
    alice.token.set_touch(Touch::Never);
    let mut person = vault.site.person(&["close", "prod.age"]);
    person.expect("alice: passphrase part");
    person.type_line(&alice.sheet());
    person.expect("alice: PIN of YubiKey");
    person.type_line(&alice.pin);
    person.expect("alice: the close is not signed");
    alice.token.set_touch(Touch::AtOnce);
    person.expect("alice: share 1 of 2 given");
    vault.site.answer(&mut person, "bob");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(vault.site.records_of("close_approval").len(), 1);
    // The ledger has the shares of a quorum, but not the signatures. The program warns, but does not refuse an opening.
    let (code, said) = output_of(vault.site.command(&["status", "prod.age"]));
    assert!(code == Some(1) && said.contains("rotate the credentials"), "{said}");
    let mut person = vault.open("5m").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(flat(&person).contains("shows a quorum's shares for a close, but 1 of 2 signatures are valid"));
}

#[test]
fn a_close_without_a_quorum_warns_and_its_shares_count_as_released() {
    let vault = two_of_two("release-one").sealed();
    vault.site.plug("alice");
    let mut person = vault.site.person(&["close", "prod.age"]);
    vault.site.answer(&mut person, "alice");
    person.expect("waiting for");
    person.eof();
    assert_eq!(person.wait(), End::Code(3), "{}", person.transcript());
    let warned = person.transcript();
    assert!(warned.contains("nothing was closed, and access may still be open"), "{warned}");
    assert!(warned.contains("--profile"), "{warned}");
    let (_, said) = output_of(vault.site.command(&["status", "prod.age"]));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("shares given to close, or for openings that did not happen: 1"), "{said}");
}
