//! Tests the statements that custodians sign. Each purpose has a separate payload type, so a signature for one purpose
//! is not valid for another purpose.

use breakglass::custody::statement::approval::{Approval, Request};
use breakglass::custody::statement::close::{ClosePurpose, CloseStatement};
use breakglass::custody::statement::drill::{self, Drill, ExpectedOutcome};
use breakglass::custody::statement::network::{CustomEndpoint, NetworkPath, Proxy};
use breakglass::custody::statement::vault_life::{Resealed, ShareVerified};
use breakglass::custody::statement::{LedgerHead, Predicate, Statement, StatementError};
use breakglass::gate::SessionId;
use breakglass::review::{self, ReviewPredicate};
use breakglass::secret::SecretText;
use breakglass::vault::dsse::Envelope;
use breakglass::vault::file::Vault;
use breakglass::vault::manifest::Manifest;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::soft::forge::Recipe;
use crate::soft::{Person, people};

const SIGNED: &str = "2026-11-22T02:17:00.25Z";

/// A vault whose epoch is 2, and the vault's custodians.
struct Signers {
    people: Vec<Person>,
    vault: Vault,
}

impl Signers {
    fn new() -> Self {
        let people = people(2, 1);
        let recipe = Recipe {
            manifest: |m| (m["epoch"], m["replaces"]) = (2.into(), "ab".repeat(32).into()),
            ..Recipe::default()
        };
        let vault = Vault::parse(&recipe.make(&people).file).expect("the file should be a valid vault");
        Self { people, vault }
    }

    fn manifest(&self) -> &Manifest {
        &self.vault.manifest
    }

    /// Returns one signed statement for each purpose.
    fn all(&self) -> Vec<(&'static str, Envelope)> {
        self.of_a_use().into_iter().chain(self.of_the_vault()).collect()
    }

    fn of_a_use(&self) -> Vec<(&'static str, Envelope)> {
        let manifest = self.manifest();
        let custodian = &manifest.custodians[0];
        let (name, enrolment) = (custodian.name.clone(), custodian.enrolment.clone());
        let serial = custodian.tokens[0].serial;
        let signed: Timestamp = SIGNED.parse().expect("the time should be valid");
        let ledger = || LedgerHead { seq: 0, sha256: "00".repeat(32) };
        let session = SessionId::from_bytes([7; 8]);
        let vault_id = manifest.vault_id.clone();
        vec![
            (
                "open",
                self.sign(Approval {
                    custodian: name.clone(),
                    enrolment: enrolment.clone(),
                    ledger: ledger(),
                    remote: false,
                    request: self.request(),
                    serial,
                    signed,
                }),
            ),
            (
                "close",
                self.sign(CloseStatement {
                    custodian: name.clone(),
                    enrolment: enrolment.clone(),
                    ledger: ledger(),
                    remote: false,
                    request: ClosePurpose {
                        endpoints: Vec::new(),
                        epoch: manifest.epoch,
                        network: None,
                        session: Some(session),
                        targets: manifest.targets.clone(),
                        vault_id: vault_id.clone(),
                    },
                    serial,
                    signed,
                }),
            ),
            (
                "drill",
                self.sign(Drill {
                    acknowledged: Vec::new(),
                    closed: true,
                    custodian: name.clone(),
                    custodians: vec![name.clone()],
                    drill_of: vault_id.clone(),
                    ended: signed,
                    enrolment: enrolment.clone(),
                    exit: 0,
                    expected: ExpectedOutcome::OpensAndCloses,
                    injected: Vec::new(),
                    ledger: ledger(),
                    opened: true,
                    passed: true,
                    session,
                    serial,
                    signed,
                    started: signed,
                    vault_id: "00".repeat(16),
                }),
            ),
            (
                "review",
                self.sign(ReviewPredicate {
                    custodian: name.clone(),
                    enrolment: enrolment.clone(),
                    findings: 0,
                    ledger: ledger(),
                    serial,
                    session,
                    signed,
                    vault_id: vault_id.clone(),
                }),
            ),
        ]
    }

    fn of_the_vault(&self) -> Vec<(&'static str, Envelope)> {
        let manifest = self.manifest();
        let custodian = &manifest.custodians[0];
        let (name, enrolment) = (custodian.name.clone(), custodian.enrolment.clone());
        let serial = custodian.tokens[0].serial;
        let signed: Timestamp = SIGNED.parse().expect("the time should be valid");
        let vault_id = manifest.vault_id.clone();
        vec![
            (
                "verify",
                self.sign(ShareVerified {
                    custodian: name.clone(),
                    enrolment: enrolment.clone(),
                    epoch: manifest.epoch,
                    serial,
                    signed,
                    vault_id: vault_id.clone(),
                }),
            ),
            (
                "reseal",
                self.sign(Resealed {
                    credentials_epoch: manifest.credentials_epoch,
                    custodian: name,
                    enrolment,
                    epoch: manifest.epoch,
                    replaces: manifest
                        .replaces
                        .clone()
                        .expect("a vault of epoch 2 should replace another vault"),
                    serial,
                    signed,
                    vault_id,
                }),
            ),
        ]
    }

    fn request(&self) -> Request {
        let manifest = self.manifest();
        Request {
            again: None,
            credentials_epoch: manifest.credentials_epoch,
            drill_of: None,
            endpoints: vec![
                CustomEndpoint::parse("*", "http://[::1]:4566").expect("the endpoint should be valid"),
            ],
            epoch: manifest.epoch,
            extra_key: Some("the rotation is not finished".into()),
            lane: manifest.lane,
            network: Some(NetworkPath {
                ca_sha256: Some("cd".repeat(32)),
                dual_stack: true,
                fips: false,
                proxy: Some(Proxy { host: "proxy.example.org".into(), port: 3128 }),
            }),
            no_alert: None,
            older_epoch: Some("the new vault is not in the safe yet".into()),
            reason: "INC-1".into(),
            session: SessionId::from_bytes([7; 8]),
            targets: manifest.targets.clone(),
            vault_id: manifest.vault_id.clone(),
            window: 1800,
        }
    }

    fn sign<P: Predicate>(&self, predicate: P) -> Envelope {
        let statement = Statement::of(&self.manifest().label, &self.vault.sha256, predicate);
        let enrolled = &self.manifest().custodians[0].tokens[0];
        let mut token = self.people[0].tokens[0].clone();
        let pin = SecretText::copy_of("no PIN");
        statement.sign(enrolled, &mut token, &pin, &mut || {}).expect("the token should sign the statement")
    }
}

/// Verifies an envelope as a statement for the given purpose.
fn verified(purpose: &str, manifest: &Manifest, envelope: &Envelope) -> Result<(), StatementError> {
    match purpose {
        "open" => Statement::<Approval>::signed_for(manifest, envelope).map(drop),
        "close" => Statement::<CloseStatement>::signed_for(manifest, envelope).map(drop),
        "drill" => drill::verify(manifest, envelope).map(drop),
        "verify" => Statement::<ShareVerified>::signed_for(manifest, envelope).map(drop),
        "review" => review::verify(manifest, envelope).map(drop),
        "reseal" => Statement::<Resealed>::signed_for(manifest, envelope).map(drop),
        other => panic!("the test does not know the purpose {other}"),
    }
}

fn payload(envelope: &Envelope) -> Value {
    serde_json::from_slice(&envelope.payload().expect("the payload should be Base64 text"))
        .expect("the statement should be JSON")
}

#[test]
fn a_statement_is_valid_only_for_the_purpose_for_which_it_was_signed() {
    let signers = Signers::new();
    let all = signers.all();
    for (purpose, envelope) in &all {
        for (other, _) in &all {
            let result = verified(other, signers.manifest(), envelope);
            assert_eq!(
                result.is_ok(),
                purpose == other,
                "a statement for {purpose} should be valid only for {purpose}; the result for {other} is {result:?}"
            );
        }
    }
}

#[test]
fn a_statement_has_the_payload_type_and_the_fields_of_the_specification() {
    let specification =
        std::fs::read_to_string("vault-format.md").expect("vault-format.md should be readable");
    let signers = Signers::new();
    for (purpose, envelope) in signers.all() {
        let json = serde_json::to_value(&envelope).expect("the statement should be JSON");
        let payload_type = format!("application/vnd.breakglass.{purpose}.v1+json");
        assert_eq!(json["payloadType"], payload_type);
        assert!(specification.contains(&format!("`{payload_type}`")), "{payload_type}");
        let statement = payload(&envelope);
        assert_eq!(statement["predicateType"], format!("urn:breakglass:{purpose}:v1"));
        assert_eq!(statement["predicate"]["signed"], SIGNED);
        let objects = [&statement["predicate"], &statement["predicate"]["request"], &statement];
        for field in objects.iter().filter_map(|object| object.as_object()).flat_map(|fields| fields.keys()) {
            assert!(specification.contains(&format!("`{field}`")), "{purpose}: {field}");
        }
    }
    let open = payload(&signers.all()[0].1);
    let request = &open["predicate"]["request"];
    assert_eq!(
        request["endpoints"],
        json!([{"host": "::1", "port": 4566, "scheme": "http", "service": "*"}])
    );
    assert_eq!(request["network"]["proxy"], json!({"host": "proxy.example.org", "port": 3128}));
}

#[test]
fn a_statement_of_another_vault_or_another_key_is_refused() {
    let (signers, others) = (Signers::new(), Signers::new());
    for (purpose, envelope) in signers.all() {
        let result = verified(purpose, others.manifest(), &envelope);
        assert!(matches!(result, Err(StatementError::NotCustodian(_))), "{purpose}: {result:?}");
        let mut changed = signers.manifest().clone();
        changed.custodians[0].tokens[0].signing_key =
            others.manifest().custodians[0].tokens[0].signing_key.clone();
        let result = verified(purpose, &changed, &envelope);
        assert!(matches!(result, Err(StatementError::Signature { .. })), "{purpose}: {result:?}");
        let mut later = signers.manifest().clone();
        (later.vault_id, later.epoch) = ("11".repeat(16), 3);
        let result = verified(purpose, &later, &envelope);
        assert!(matches!(result, Err(StatementError::OtherVault)), "{purpose}: {result:?}");
    }
}

#[test]
fn a_statement_of_a_token_that_the_custodian_does_not_have_is_refused() {
    let signers = Signers::new();
    for (purpose, envelope) in signers.all() {
        let mut changed = signers.manifest().clone();
        changed.custodians[0].tokens[0].serial += 1;
        let result = verified(purpose, &changed, &envelope);
        assert!(matches!(result, Err(StatementError::NotToken { .. })), "{purpose}: {result:?}");
    }
}
