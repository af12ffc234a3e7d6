//! Tests the checks before the first write: the program reports drift of the emergency user, or the open window of
//! another session.

use rig::aws::Drift;
use rig::pty::End;

use crate::two_of_two;

#[test]
fn every_drift_stops_an_opening_before_the_first_write() {
    let drifts = [
        (Drift::InlinePolicy, "inline policy"),
        (Drift::AttachedPolicy, "attached"),
        (Drift::Group, "group"),
        (Drift::SecondActiveKey, "key"),
        (Drift::LoginProfile, "login profile"),
        (Drift::SshPublicKey, "SSH"),
        (Drift::SigningCertificate, "signing certificate"),
        (Drift::ServiceCredential, "service-specific"),
        (Drift::OtherBoundary, "boundary"),
        (Drift::NoBoundary, "boundary"),
        (Drift::EditedBoundary, "boundary"),
        (Drift::UserMissing, "emergency"),
    ];
    for (number, (drift, message)) in drifts.into_iter().enumerate() {
        let vault = two_of_two(&format!("drift{number}")).all_plugged();
        vault.account.drift(drift);
        let mut person = vault.open("5m").run(&["true"]).by_quorum();
        assert_eq!(person.wait(), End::Code(5), "{message}: {}", person.transcript());
        let said = person.transcript();
        assert!(said.contains(message) && said.contains("next: "), "{message}: {said}");
        assert_eq!(vault.writes(), Vec::<String>::new(), "{message}");
    }
}

#[test]
fn an_inactive_second_key_needs_a_signed_exception() {
    let vault = two_of_two("inactive").all_plugged();
    vault.account.drift(Drift::SecondInactiveKey);
    let mut person = vault.open("5m").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().contains("--extra-key \"reason\""), "{}", person.transcript());
    assert_eq!(vault.writes(), Vec::<String>::new());

    let arguments = ["open", "prod.age", "--for", "5m", "--reason", "x", "--again", "nothing was enabled"];
    let extra = ["--extra-key", "the rotation is not finished", "--", "true"];
    let mut person = vault.site.person(&[&arguments[..], &extra[..]].concat());
    person.expect("2nd key  the rotation is not finished");
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let signed = vault.site.records();
    let intent =
        signed.iter().rfind(|record| record["kind"] == "intent").expect("the ledger should have an intent");
    assert_eq!(intent["extra_key"], "the rotation is not finished");
    assert!(vault.account.rest().at_rest());
}

#[test]
fn a_closer_that_cannot_close_stops_the_opening_before_the_gate_is_written() {
    let actions = ["iam:AttachUserPolicy", "iam:UpdateAccessKey"];
    for (action, leftover) in actions.into_iter().flat_map(|action| [(action, false), (action, true)]) {
        let name = format!("closer-{}-{leftover}", &action[4..10].to_lowercase());
        let vault = two_of_two(&name).all_plugged();
        if leftover {
            // The window of an earlier session was not closed, so this opening has to close it first.
            let now = vault.account.now();
            vault.account.put_window("Sfeedfacefeedface", now - 600, now - 60);
        }
        vault.account.take_from_closer(action);
        let mut person = vault.open("5m").run(&["true"]).by_quorum();
        let began = std::time::Instant::now();
        assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
        let said = person.transcript().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("the closer is not allowed") && said.contains(action), "{said}");
        assert!(said.contains("nothing was enabled") && began.elapsed().as_secs() < 15, "{said}");
        assert!(!vault.writes().iter().any(|call| call.contains("PutUserPolicy")), "{:?}", vault.writes());
        assert!(leftover || vault.account.rest().at_rest());
    }
}

#[test]
fn another_open_window_is_reported_and_not_changed() {
    let vault = two_of_two("theirs").all_plugged();
    let now = vault.account.now();
    vault.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = vault.open("5m").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().to_lowercase().contains("feedfacefeedface"), "{}", person.transcript());
    assert_eq!(vault.writes(), Vec::<String>::new());
    let rest = vault.account.rest();
    assert!(rest.key_active && !rest.denied, "the other session's window should stay open");
}

#[test]
fn an_opening_first_closes_a_session_that_did_not_end_cleanly() {
    let vault = two_of_two("untidy").all_plugged();
    let now = vault.account.now();
    vault.account.put_window("Sfeedfacefeedface", now - 600, now - 60);
    let mut person = vault.open("5m").run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.account.rest().at_rest());
    assert_eq!(
        vault.writes()[..2],
        ["AttachUserPolicy", "UpdateAccessKey"],
        "the user should be put at rest before access is opened"
    );
}
