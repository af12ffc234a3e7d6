//! The vectors that are statements of custodians. Most statements have exactly one fault. The custodians are those of the
//! vectors `statement_vault` and `statement_drill`, which have the signing keys of the tokens.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::statement::approval::Approval;
use breakglass::custody::statement::close::CloseStatement;
use breakglass::custody::statement::drill::Drill;
use breakglass::custody::statement::vault_life::{Resealed, ShareVerified};
use breakglass::custody::statement::{Predicate, Statement, StatementError};
use breakglass::review::ReviewPredicate;
use breakglass::vault::canonical;
use breakglass::vault::dsse::Envelope;
use breakglass::vault::file::Vault;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::ChallengeToken;
use super::forge::jcs;
use super::vector::{Vector, Verdict};

mod fields;
mod files;

/// The digest of the review packet in the vectors.
const PACKET: [u8; 32] = [0x5a; 32];

/// Says how to make a statement. Each step can introduce a fault.
pub struct Spec {
    pub name: &'static str,
    pub purpose: &'static str,
    /// The purpose that the reader expects. If the text is empty, the reader expects `purpose`.
    pub wanted: &'static str,
    /// The vector of the vault that the statement should be about.
    pub vault: &'static str,
    pub expect: &'static str,
    pub message: &'static str,
    pub comment: &'static str,
    /// The index of the custodian who signs, and the place of the custodian's token.
    pub signer: (usize, usize),
    pub statement: Box<dyn Fn(&mut Value)>,
    /// Changes the text of the statement before it is signed.
    pub text: fn(String) -> String,
    pub payload_type: fn(String) -> String,
    /// Changes the bytes that the token signs.
    pub signed: fn(Vec<u8>) -> Vec<u8>,
    /// Changes the signature in DER.
    pub signature: fn(Vec<u8>) -> Vec<u8>,
    pub envelope: fn(&mut Value),
    pub file: fn(&mut Vec<u8>),
}

impl Spec {
    /// Returns a valid statement for the given purpose.
    fn of(name: &'static str, purpose: &'static str, comment: &'static str) -> Self {
        Self {
            name,
            purpose,
            wanted: "",
            vault: if purpose == "drill" { "statement_drill" } else { "statement_vault" },
            expect: "success",
            message: "",
            comment,
            signer: (0, 0),
            statement: Box::new(|_| {}),
            text: |text| text,
            payload_type: |kind| kind,
            signed: |bytes| bytes,
            signature: |signature| signature,
            envelope: |_| {},
            file: |_| {},
        }
    }

    /// Returns a statement that is refused with the given class.
    fn refused(self, expect: &'static str, message: &'static str) -> Self {
        Self { expect, message, ..self }
    }

    fn with(self, statement: impl Fn(&mut Value) + 'static) -> Self {
        Self { statement: Box::new(statement), ..self }
    }
}

fn table() -> Vec<Spec> {
    [
        files::accepted(),
        files::files(),
        files::signers(),
        files::subjects(),
        files::order(),
        fields::fields(),
        fields::requests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the names of all vectors that are statements.
pub fn names() -> Vec<&'static str> {
    table().into_iter().map(|spec| spec.name).collect()
}

/// Returns the names and vectors of all statements. The vectors of their vaults must exist.
pub fn statements() -> Vec<(&'static str, Vector)> {
    let known: Vec<_> = ["statement_vault", "statement_drill"].map(Signed::load).into();
    let of =
        |name: &str| known.iter().find(|known| known.name == name).expect("the vault should have a vector");
    table().into_iter().map(|spec| (spec.name, vector(&spec, of(spec.vault)))).collect()
}

/// The vault of a vector, and the signing keys of its tokens.
struct Signed {
    name: &'static str,
    vault: Vault,
    /// The signing keys of each custodian's tokens, in the order of the manifest.
    keys: Vec<Vec<p256::SecretKey>>,
}

impl Signed {
    fn load(name: &'static str) -> Self {
        let vector = Vector::load(name);
        let vault = Vault::parse(&vector.file).expect("the file should be a vault");
        let keys = vault.manifest.custodians.iter().zip(&vector.custodians).map(|(custodian, known)| {
            let id = hex::decode(&custodian.enrolment).unwrap().try_into().unwrap();
            let piv = known.signing.iter().map(|(_, key)| hex::decode(key).unwrap());
            let piv = piv.map(|key| p256::SecretKey::from_slice(&key).expect("the key should be valid"));
            let others = known.tokens.iter().skip(known.signing.len());
            piv.chain(others.map(|(serial, secret)| challenge_key(&vault, *serial, secret, &id))).collect()
        });
        let keys = keys.collect();
        Self { name, vault, keys }
    }
}

/// Derives the signing key of a challenge-response token from its secret and its challenge in the manifest.
fn challenge_key(vault: &Vault, serial: u32, secret: &str, id: &[u8; 16]) -> p256::SecretKey {
    let tokens = vault.manifest.custodians.iter().flat_map(|custodian| &custodian.tokens);
    let entry =
        tokens.into_iter().find(|token| token.serial == serial).expect("the token should be enrolled");
    let challenges = ["decryption_challenge", "signing_challenge"].map(|field| {
        let fields = serde_json::to_value(entry).unwrap();
        hex::decode(fields[field].as_str().unwrap()).unwrap().try_into().unwrap()
    });
    let secret = hex::decode(secret).unwrap().try_into().unwrap();
    ChallengeToken { serial, secret, challenges }.signing_key(id)
}

fn vector(spec: &Spec, of: &Signed) -> Vector {
    let is_form = matches!(spec.expect, "invalid" | "wrong kind");
    let step = match spec.expect {
        "success" => "",
        _ if is_form => "parse",
        "wrong signer" => "signer",
        _ => "subject",
    };
    let file = file(spec, of);
    let wanted = if spec.wanted.is_empty() { spec.purpose } else { spec.wanted };
    Vector {
        verdict: Verdict {
            expect: spec.expect.into(),
            step: step.into(),
            at_fault: String::new(),
            message: spec.message.into(),
        },
        comment: spec.comment.into(),
        wanted: wanted.into(),
        vault: spec.vault.into(),
        packet: if wanted == "review" { hex::encode(PACKET) } else { String::new() },
        form: "statement".into(),
        compressed: if file.len() > 1024 * 1024 { "zlib" } else { "" }.into(),
        file,
        ..Vector::default()
    }
}

fn file(spec: &Spec, of: &Signed) -> Vec<u8> {
    let (person, token) = spec.signer;
    let custodian = &of.vault.manifest.custodians[person];
    let mut statement = statement(spec.purpose, &of.vault);
    let predicate = &mut statement["predicate"];
    predicate["custodian"] = custodian.name.clone().into();
    predicate["enrolment"] = custodian.enrolment.clone().into();
    predicate["serial"] = custodian.tokens[token].serial.into();
    (spec.statement)(&mut statement);
    let payload = (spec.text)(String::from_utf8(jcs(&statement)).unwrap()).into_bytes();
    let kind = (spec.payload_type)(format!("application/vnd.breakglass.{}.v1+json", spec.purpose));
    let pae = [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), &payload].concat();
    let signed = (spec.signed)(pae);
    let key = SigningKey::from(&of.keys[person][token]);
    let signature: Signature =
        key.sign_prehash(&Sha256::digest(&signed)).expect("the digest should be signed");
    let signature = (spec.signature)(signature.to_der().as_bytes().to_vec());
    let mut envelope = json!({
        "payload": BASE64_STANDARD.encode(&payload), "payloadType": kind,
        "signatures": [{"sig": BASE64_STANDARD.encode(signature)}],
    });
    (spec.envelope)(&mut envelope);
    let mut file = jcs(&envelope);
    file.push(b'\n');
    (spec.file)(&mut file);
    file
}

/// Returns a valid statement without the fields about the signer.
fn statement(purpose: &str, vault: &Vault) -> Value {
    let manifest = serde_json::to_value(&vault.manifest).unwrap();
    let field = |name: &str| manifest[name].clone();
    let ledger = json!({"seq": 14, "sha256": "c4".repeat(32)});
    let (session, signed) = ("00ff7f3a01020304", "2026-11-22T02:17:00.25Z");
    let mut predicate = match purpose {
        "open" => json!({"ledger": ledger, "remote": false, "request": {
            "credentials_epoch": field("credentials_epoch"), "epoch": field("epoch"), "lane": field("lane"),
            "reason": "INC-4711: the identity provider is down", "session": session,
            "targets": [manifest["targets"][0]], "vault_id": field("vault_id"), "window": 1800,
        }}),
        "close" => json!({"ledger": ledger, "remote": false, "request": {
            "epoch": field("epoch"), "session": session, "targets": field("targets"), "vault_id": field("vault_id"),
        }}),
        "drill" => json!({
            "acknowledged": ["oncall"], "closed": true, "custodians": ["alice", "bob"], "drill_of": field("drill_of"),
            "ended": "2026-11-22T02:31:00.5Z", "exit": 0, "expected": "opens_and_closes", "injected": [],
            "ledger": ledger, "opened": true, "passed": true, "session": session,
            "started": "2026-11-22T02:16:00Z", "vault_id": field("vault_id"),
        }),
        "verify" => json!({"epoch": field("epoch"), "vault_id": field("vault_id")}),
        "review" => {
            json!({"findings": 2, "ledger": ledger, "session": session, "vault_id": field("vault_id")})
        }
        "reseal" => json!({
            "credentials_epoch": field("credentials_epoch"), "epoch": field("epoch"), "replaces": field("replaces"),
            "vault_id": field("vault_id"),
        }),
        other => panic!("{other} is not a purpose"),
    };
    predicate["signed"] = signed.into();
    if let ("open", Some(id)) = (purpose, manifest.get("drill_of")) {
        predicate["request"]["drill_of"] = id.clone();
    }
    let (digest, name) = match purpose {
        "review" => (PACKET, json!("review-00ff7f3a01020304.json")),
        _ => (vault.sha256, field("label")),
    };
    json!({
        "_type": "https://in-toto.io/Statement/v1", "predicate": predicate,
        "predicateType": format!("urn:breakglass:{purpose}:v1"),
        "subject": [{"digest": {"sha256": hex::encode(digest)}, "name": name}],
    })
}

/// Checks a file as a statement for the given purpose about a vault and, in a review, about the packet with the given
/// digest. Returns the class, the step and the message of the failure.
pub fn judge(
    file: &[u8],
    purpose: &str,
    vault: &Vault,
    packet: &str,
) -> Result<(), (&'static str, &'static str, String)> {
    let body = file.strip_suffix(b"\n").ok_or(("invalid", "parse", String::new()))?;
    let envelope: Envelope =
        canonical::from_slice(body, 2 * body.len()).map_err(|why| ("invalid", "parse", why.to_string()))?;
    let packet: [u8; 32] = hex::decode(packet).unwrap().try_into().unwrap_or_default();
    let result = match purpose {
        "open" => check::<Approval>(vault, &vault.sha256, &envelope),
        "close" => check::<CloseStatement>(vault, &vault.sha256, &envelope),
        "drill" => check::<Drill>(vault, &vault.sha256, &envelope),
        "verify" => check::<ShareVerified>(vault, &vault.sha256, &envelope),
        "review" => check::<ReviewPredicate>(vault, &packet, &envelope),
        "reseal" => check::<Resealed>(vault, &vault.sha256, &envelope),
        other => panic!("{other} is not a purpose"),
    };
    result.map_err(|why| {
        let (expect, step) = match &why {
            StatementError::OtherPurpose => ("wrong kind", "parse"),
            StatementError::Envelope(_) | StatementError::Type | StatementError::Field(_) => {
                ("invalid", "parse")
            }
            StatementError::NotCustodian(_)
            | StatementError::NotToken { .. }
            | StatementError::Signature { .. } => ("wrong signer", "signer"),
            StatementError::OtherVault => ("wrong subject", "subject"),
        };
        (expect, step, why.to_string())
    })
}

fn check<P: Predicate + DeserializeOwned>(
    vault: &Vault,
    subject: &[u8; 32],
    envelope: &Envelope,
) -> Result<(), StatementError> {
    Statement::<P>::signed_about(vault, subject, envelope).map(drop)
}
