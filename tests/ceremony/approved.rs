//! Tests of signed approvals: only valid approvals of the same request form a quorum.

use crate::soft::forge::Recipe;
use crate::soft::{Person, people};
use breakglass::custody::statement::approval::{Approval, Approved, Request};
use breakglass::custody::statement::{LedgerHead, Statement, request};
use breakglass::error::{Result, Status};
use breakglass::gate::SessionId;
use breakglass::secret::SecretText;
use breakglass::vault::dsse::Envelope;
use breakglass::vault::file::Vault;

/// Three custodians and their vault, which has a threshold of two.
struct TwoOfThree {
    people: Vec<Person>,
    vault: Vault,
}

impl TwoOfThree {
    fn new() -> Self {
        let people = people(3, 1);
        let made = Recipe { custodians: 3, ..Recipe::default() }.make(&people);
        Self { people, vault: Vault::parse(&made.file).expect("the file should be a valid vault") }
    }

    fn request(&self) -> Request {
        let manifest = &self.vault.manifest;
        Request {
            again: None,
            credentials_epoch: manifest.credentials_epoch,
            drill_of: None,
            endpoints: Vec::new(),
            epoch: manifest.epoch,
            extra_key: None,
            lane: manifest.lane,
            network: None,
            no_alert: None,
            older_epoch: None,
            reason: "INC-1: SSO down".into(),
            session: SessionId::from_bytes([7; 8]),
            targets: manifest.targets.clone(),
            vault_id: manifest.vault_id.clone(),
            window: 1800,
        }
    }

    /// Returns an approval of `request` that the custodian with the index `place` signed.
    fn sign(&self, place: usize, request: &Request) -> Envelope {
        let who = &self.vault.manifest.custodians[place];
        let mut token = self.people[place].tokens[0].clone();
        let at = "2026-11-22T02:17:00Z".parse().expect("the time should be valid");
        let head = LedgerHead { seq: 3, sha256: "ab".repeat(32) };
        let (pin, mut touched) = (SecretText::copy_of("123456"), 0);
        let mut touch = || touched += 1;
        let signed = request::sign(
            &self.vault,
            request,
            (who, &who.tokens[0]),
            (at, head),
            &mut token,
            &pin,
            &mut touch,
        );
        assert_eq!(touched, 1, "an approval should take one touch");
        signed.expect("the custodian's token should sign")
    }

    fn judge(&self, request: Request, envelopes: &[Envelope]) -> Result<Approved> {
        Approved::by(&self.vault, request, envelopes)
    }

    fn refuses(&self, envelopes: &[Envelope], says: &str) {
        let error = self.judge(self.request(), envelopes).expect_err(says);
        assert_eq!(error.status, Status::NoQuorum);
        assert!(error.what.contains(says), "{says}: {}", error.what);
    }
}

/// Returns a copy of the envelope in which the JSON field `field` has the value `value`.
fn changed(envelope: &Envelope, field: &str, value: serde_json::Value) -> Envelope {
    let mut json = serde_json::to_value(envelope).expect("the envelope should have a JSON form");
    json[field] = value;
    serde_json::from_value(json).expect("the changed JSON should be an envelope")
}

#[test]
fn two_of_three_approvals_are_a_quorum_and_fewer_are_not() {
    let quorum = TwoOfThree::new();
    let request = quorum.request();
    let signed: Vec<_> = (0..3).map(|place| quorum.sign(place, &request)).collect();
    let approved = quorum.judge(request.clone(), &signed[1..]).expect("two approvals should be a quorum");
    assert_eq!(approved.custodians(), ["bob", "carol"]);
    assert_eq!(approved.request(), &request);
    assert_eq!(
        quorum.judge(request, &signed).expect("three approvals should be accepted").custodians().len(),
        3
    );
    quorum.refuses(&[], "0 of 2");
    quorum.refuses(&signed[..1], "1 of 2");
    quorum.refuses(&[signed[0].clone(), signed[0].clone()], "1 of 2");
}

#[test]
fn an_approval_of_another_request_does_not_count() {
    let quorum = TwoOfThree::new();
    let good = quorum.sign(0, &quorum.request());
    let others: [fn(&mut Request); 10] = [
        |r| r.again = Some("a second time".into()),
        |r| r.no_alert = Some("quietly".into()),
        |r| r.drill_of = Some("00".repeat(16)),
        |r| r.reason = "INC-2".into(),
        |r| r.window += 1,
        |r| r.session = SessionId::from_bytes([8; 8]),
        |r| r.vault_id = "00".repeat(16),
        |r| r.epoch += 1,
        |r| r.credentials_epoch += 1,
        |r| r.targets[0].user = "root".into(),
    ];
    for other in others {
        let mut request = quorum.request();
        other(&mut request);
        quorum.refuses(&[good.clone(), quorum.sign(1, &request)], "bob approved something else");
    }
    // Bob approves the same request for a different vault file.
    let elsewhere = Recipe { custodians: 3, ..Recipe::default() }.make(&quorum.people);
    let elsewhere = TwoOfThree {
        people: quorum.people.clone(),
        vault: Vault::parse(&elsewhere.file).expect("the file should be a valid vault"),
    };
    let foreign = elsewhere.sign(1, &quorum.request());
    quorum.refuses(&[good, foreign], "bob approved something else");
}

#[test]
fn only_signatures_of_enrolled_tokens_count() {
    let quorum = TwoOfThree::new();
    let strangers = TwoOfThree::new();
    let good = quorum.sign(0, &quorum.request());
    let forged = Statement::<Approval>::read(&quorum.sign(1, &quorum.request()))
        .expect("the envelope should contain an approval");
    let stranger = &strangers.people[1].tokens[0];
    let entry = stranger.entry();
    let pin = SecretText::copy_of("123456");
    let forged = forged
        .sign(&entry, &mut stranger.clone(), &pin, &mut || {})
        .expect("the stranger's token should sign");
    quorum.refuses(&[good.clone(), forged], "the signature of bob's YubiKey");
    let enrolled = quorum.vault.manifest.custodians[1].tokens[0].clone();
    let approval = Statement::<Approval>::read(&good).expect("the envelope should contain an approval");
    assert!(
        approval.sign(&enrolled, &mut stranger.clone(), &pin, &mut || {}).is_err(),
        "signing with a key that is not enrolled should fail"
    );
    let strange = strangers.sign(1, &strangers.request());
    quorum.refuses(&[good.clone(), strange], "is not a custodian of this vault");
    let payload = serde_json::to_value(quorum.sign(2, &quorum.request()))
        .expect("the envelope should have a JSON form")["payload"]
        .clone();
    quorum.refuses(&[good.clone(), changed(&good, "payload", payload)], "is not valid");
    let kind = "application/vnd.breakglass.enrolment.v1+json";
    quorum.refuses(&[changed(&good, "payloadType", kind.into())], "does not know");
    quorum.refuses(&[changed(&good, "signatures", serde_json::json!([]))], "exactly one signature");
}
