//! A user who is not as they were sealed, or somebody else's window: named, before the first write.

use rig::aws::Drift;
use rig::night::Night;
use rig::pty::{End, Person};

use crate::PROGRAM;

fn night(name: &str) -> Night {
    Night::new(PROGRAM, name, &["alice", "bob"]).plugged(&["alice", "bob"])
}

fn open(night: &Night) -> Person {
    let mut person =
        night.office.person(&["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--", "true"]);
    night.office.quorum(&mut person, 2);
    person
}

#[test]
fn every_drift_stops_it_before_the_first_write_and_is_named() {
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
        let night = night(&format!("drift{number}"));
        night.account.drift(drift);
        let mut person = open(&night);
        assert_eq!(person.wait(), End::Code(5), "{message}: {}", person.transcript());
        let said = person.transcript();
        assert!(said.contains(message) && said.contains("next: "), "{message}: {said}");
        assert_eq!(night.writes(), Vec::<String>::new(), "{message}");
    }
}

#[test]
fn a_second_key_that_is_inactive_warns_and_does_not_stop_it() {
    let night = night("inactive");
    night.account.drift(Drift::SecondInactiveKey);
    let mut person = open(&night);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("inactive"), "{}", person.transcript());
}

#[test]
fn somebody_elses_open_window_is_left_alone_and_named() {
    let night = night("theirs");
    let now = night.account.now();
    night.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = open(&night);
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().to_lowercase().contains("feedfacefeedface"), "{}", person.transcript());
    assert_eq!(night.writes(), Vec::<String>::new());
    let rest = night.account.rest();
    assert!(rest.key_active && !rest.denied, "their window goes on");
}

#[test]
fn an_untidy_end_is_closed_on_the_way() {
    let night = night("untidy");
    let now = night.account.now();
    night.account.put_window("Sfeedfacefeedface", now - 600, now - 60);
    let mut person = open(&night);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(night.account.rest().at_rest());
    assert_eq!(night.writes()[..2], ["AttachUserPolicy", "UpdateAccessKey"], "closed before it was opened");
}
