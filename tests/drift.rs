//! A user who is not as they were sealed, or somebody else's window: named, before the first write.
#![cfg(feature = "cloud")]

use rig::aws::{Account, Aws, Drift};
use rig::office::Office;
use rig::pty::{End, Person};

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");

struct Night {
    office: Office,
    account: Account,
}

impl Night {
    fn new(name: &str) -> Self {
        let aws = Aws::shared();
        let account = aws.seed(name);
        let office = Office::enrolled(PROGRAM, &["alice", "bob"]).with_aws(&aws);
        office.seal(&account.payload(Account::grant(), "4h"), 2);
        office.plug("alice");
        office.plug("bob");
        Self { office, account }
    }

    fn open(&self) -> Person {
        let mut person =
            self.office.person(&["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--", "true"]);
        self.office.quorum(&mut person, 2);
        person
    }

    fn writes(&self) -> Vec<String> {
        let iam =
            self.account.journal().into_iter().filter(|call| call.service == "iam").map(|call| call.action);
        iam.filter(|action| !action.starts_with("Get") && !action.starts_with("List")).collect()
    }
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
        let night = Night::new(&format!("drift{number}"));
        night.account.drift(drift);
        let mut person = night.open();
        assert_eq!(person.wait(), End::Code(5), "{message}: {}", person.transcript());
        let said = person.transcript();
        assert!(said.contains(message) && said.contains("next: "), "{message}: {said}");
        assert_eq!(night.writes(), Vec::<String>::new(), "{message}");
    }
}

#[test]
fn a_second_key_that_is_inactive_warns_and_does_not_stop_it() {
    let night = Night::new("inactive");
    night.account.drift(Drift::SecondInactiveKey);
    let mut person = night.open();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("inactive"), "{}", person.transcript());
}

#[test]
fn somebody_elses_open_window_is_left_alone_and_named() {
    let night = Night::new("theirs");
    let now = night.account.now();
    night.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let mut person = night.open();
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().to_lowercase().contains("feedfacefeedface"), "{}", person.transcript());
    assert_eq!(night.writes(), Vec::<String>::new());
    let rest = night.account.rest();
    assert!(rest.key_active && !rest.denied, "their window goes on");
}

#[test]
fn an_untidy_end_is_closed_on_the_way() {
    let night = Night::new("untidy");
    let now = night.account.now();
    night.account.put_window("Sfeedfacefeedface", now - 600, now - 60);
    let mut person = night.open();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(night.account.rest().at_rest());
    assert_eq!(night.writes()[..2], ["AttachUserPolicy", "UpdateAccessKey"], "closed before it was opened");
}
