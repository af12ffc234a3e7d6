//! The vectors that are enrolment files. Most files have exactly one fault. `attested.rs` creates the certificates in
//! the files.

use std::sync::atomic::Ordering::Relaxed;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::enrolment::TYPE;
use breakglass::custody::token::{Slot, Token as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::attested::{self, Plan};
use super::forge::{jcs, part_key, part_recipient};
use super::vector::{Vector, Verdict};
use super::{ChallengeToken, chains, people};

/// The steps that make an enrolment file. Each step can introduce a fault. The default steps make a valid file.
pub struct Spec {
    pub attested: bool,
    /// Whether the token is a challenge-response token instead of a PIV token.
    pub challenge: bool,
    /// Changes the plan of the certificates before they are signed.
    pub before: fn(&mut Plan),
    /// Changes the signed chain. The first certificate of the chain is F9's certificate.
    pub after: fn(&mut Vec<Vec<u8>>),
    pub members: fn(&mut Value),
    /// Changes the token's recipient.
    pub recipient: fn(&Value) -> Value,
    /// Changes the token's signing key.
    pub signing_key: fn(&Value) -> Value,
    /// Changes the payload's bytes before they are signed.
    pub payload: fn(Vec<u8>) -> Vec<u8>,
    /// Changes the payload's text before it is signed.
    pub text: fn(String) -> String,
    /// Changes the bytes that the token signs.
    pub signed: fn(&[u8]) -> Vec<u8>,
    /// Changes the signature. The arguments are the signed bytes and the signature in DER.
    pub signature: fn(&[u8], &[u8]) -> Vec<u8>,
    /// Changes the signed envelope.
    pub envelope: fn(&mut Value),
    pub file: fn(&mut Vec<u8>),
    /// The required length of the file in bytes. `chains::padded` makes the certificates longer until the file has the
    /// required length.
    pub length: Option<usize>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            attested: true,
            challenge: false,
            before: |_| {},
            after: |_| {},
            members: |_| {},
            recipient: Value::clone,
            signing_key: Value::clone,
            payload: |payload| payload,
            text: |text| text,
            signed: <[u8]>::to_vec,
            signature: |_, signature| signature.to_vec(),
            envelope: |_| {},
            file: |_| {},
            length: None,
        }
    }
}

/// Describes an enrolment file: the named steps replace the default steps.
macro_rules! with {
    ($($step:ident: $edit:expr),* $(,)?) => { Spec { $($step: $edit,)* ..Spec::default() } };
}

mod envelope;
mod fields;
mod keys;

/// Returns the names and vectors of all enrolment files.
pub fn enrolments() -> Vec<(&'static str, Vector)> {
    table()
        .into_iter()
        .map(|(name, message, comment, spec)| (name, vector(message, comment, &spec)))
        .collect()
}

/// Returns the names of all vectors that are enrolment files.
pub fn names() -> Vec<&'static str> {
    table().into_iter().map(|(name, ..)| name).collect()
}

/// A vector's name, its error text (empty if the file is valid), its comment, and how to make its file.
pub type Row = (&'static str, &'static str, &'static str, Spec);

fn table() -> Vec<Row> {
    [
        envelopes(),
        payloads(),
        envelope::files(),
        envelope::base64(),
        envelope::signatures(),
        envelope::other_signatures(),
        fields::payloads(),
        fields::fields(),
        fields::of_the_token(),
        fields::certificates(),
        fields::in_certificates(),
        keys::parts(),
        keys::texts_of_parts(),
        keys::tokens(),
        keys::signing_keys(),
        keys::challenge_tokens(),
        attested::rows(),
        chains::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Vectors with a fault in the file or in its DSSE envelope.
fn envelopes() -> Vec<Row> {
    vec![
        ("enrolment", "", "the token is not attested", with! { attested: false }),
        ("enrolment_attested", "", "the token is attested by a root that is not Yubico's", with! {}),
        (
            "enrolment_no_line_end",
            "last line is cut off",
            "no line end follows the envelope",
            with! {
            file: |f| { f.pop(); } },
        ),
        (
            "enrolment_line_end_twice",
            "not in canonical form",
            "two line ends follow the envelope",
            with! { file: |f| f.push(b'\n') },
        ),
        (
            "enrolment_envelope_order",
            "its envelope is not in canonical form",
            "the field `payloadType` is before the field `payload` in the envelope",
            with! {
            file: |f| { let v: Value = serde_json::from_slice(f).unwrap();
                *f = format!("{{\"payloadType\":{},\"payload\":{},\"signatures\":{}}}\n",
                    v["payloadType"], v["payload"], v["signatures"]).into_bytes(); } },
        ),
        (
            "enrolment_envelope_keyid",
            "its envelope is not valid",
            "the signature in the envelope has a keyid",
            with! {
            envelope: |e| e["signatures"][0]["keyid"] = "".into() },
        ),
        (
            "enrolment_type",
            "this version of the program does not know",
            "the envelope has the payload type `application/json`",
            with! {
            envelope: |e| e["payloadType"] = "application/json".into() },
        ),
        (
            "enrolment_unsigned",
            "exactly one signature",
            "the envelope has no signature",
            with! {
            envelope: |e| e["signatures"] = json!([]) },
        ),
        (
            "enrolment_signed_twice",
            "exactly one signature",
            "the envelope has two signatures",
            with! {
            envelope: |e| { let again = e["signatures"][0].clone(); e["signatures"].as_array_mut().unwrap().push(again); } },
        ),
        (
            "enrolment_signature",
            "the signature of YubiKey 10000010 is not valid",
            "the payload was changed after it was signed",
            with! {
            envelope: |e| {
                let payload = BASE64_STANDARD.decode(e["payload"].as_str().unwrap()).unwrap();
                let payload = String::from_utf8(payload).unwrap().replace("\"alice\"", "\"malice\"");
                e["payload"] = BASE64_STANDARD.encode(payload).into();
            } },
        ),
    ]
}

/// Vectors with a fault in the signed payload.
fn payloads() -> Vec<Row> {
    vec![
        (
            "enrolment_payload_space",
            "its payload is not in canonical form",
            "a space follows the payload's JSON",
            with! {
            payload: |mut p| { p.push(b' '); p } },
        ),
        (
            "enrolment_unknown_field",
            "its payload is not valid",
            "the payload has a field that version 1 does not define",
            with! {
            members: |m| m["note"] = "x".into() },
        ),
        (
            "enrolment_version",
            "its version is 2",
            "the payload's version is 2",
            with! {
            members: |m| m["version"] = 2.into() },
        ),
        (
            "enrolment_name",
            "the name",
            "the custodian's name contains a slash",
            with! {
            members: |m| m["name"] = "../alice".into() },
        ),
        (
            "enrolment_firmware",
            "firmware version",
            "a number in the firmware version has a leading zero",
            with! {
            members: |m| m["token"]["firmware"] = "05.7.2".into() },
        ),
        (
            "enrolment_part_small_order",
            "not an age mlkem768x25519 recipient",
            "the X25519 key of the part has small order",
            with! {
            members: |m| {
                let mut key = part_key(&m["part"]);
                key[1184..].fill(0);
                m["part"] = part_recipient("age1pq", &key);
            } },
        ),
        (
            "enrolment_claims_attestation",
            "it is marked \"attested by Yubico\", but it is not attested",
            "the payload claims an attestation by Yubico but has no certificates",
            with! {
            attested: false, members: |m| m["token"]["attestation"] = "yubico".into() },
        ),
        (
            "enrolment_claims_yubico",
            "it is marked \"attested by Yubico\", but it is attested by a root",
            "the payload claims an attestation by Yubico, but the chain ends in another root",
            with! {
            members: |m| m["token"]["attestation"] = "yubico".into() },
        ),
    ]
}

fn vector(message: &str, comment: &str, spec: &Spec) -> Vector {
    let (expect, at) = if message.is_empty() { ("success", "") } else { ("invalid", "parse") };
    Vector {
        verdict: Verdict {
            expect: expect.into(),
            step: at.into(),
            at_fault: String::new(),
            message: message.into(),
        },
        comment: comment.into(),
        form: "enrolment".into(),
        file: match spec.length {
            Some(length) => of_length(spec, length),
            None => file(spec),
        },
        ..Vector::default()
    }
}

/// Makes files until a file has exactly `length` bytes. One file is not enough, because the length of a signature is
/// random.
fn of_length(spec: &Spec, length: usize) -> Vec<u8> {
    let mut padding = 0;
    for _ in 0..1000 {
        chains::PADDING.store(padding, Relaxed);
        let file = file(spec);
        if file.len() == length {
            return file;
        }
        // A certificate is encoded twice in Base64, so 9 bytes become 16 characters.
        let missing = length.saturating_sub(file.len()) * 9 / 16;
        padding = if file.len() > length { padding - 1 } else { padding + missing.max(1) };
    }
    panic!("no file has {length} bytes");
}

fn file(spec: &Spec) -> Vec<u8> {
    let mut person = people(1, 1).pop().unwrap();
    let mut token = person.tokens[0].clone();
    if spec.challenge {
        let with_secret = ChallengeToken::new(20_000_001);
        token.signing = with_secret.signing_key(&person.enrolment);
        person.tokens.clear();
        person.challenge_tokens.push(with_secret);
    }
    let entry = person.entry(1);
    let mut members = json!({
        "attestation": null, "created": "2026-11-22T02:17:00Z", "enrolment": entry.enrolment,
        "name": entry.name, "part": entry.part, "token": entry.tokens[0], "version": 1,
    });
    if spec.attested {
        members["attestation"] = attested::certificates(spec.before, spec.after, &token);
        members["token"]["attestation"] = "other".into();
    }
    (spec.members)(&mut members);
    for (field, edit) in [("recipient", spec.recipient), ("signing_key", spec.signing_key)] {
        if let Some(value) = members["token"].get_mut(field) {
            *value = edit(value);
        }
    }
    let text = (spec.text)(String::from_utf8(jcs(&members)).unwrap());
    let payload = (spec.payload)(text.into_bytes());
    let pae = [format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len()).as_bytes(), &payload].concat();
    let pae = (spec.signed)(&pae);
    let slot = Slot::parse("83").unwrap();
    let signature = token.sign(slot, &Sha256::digest(&pae).into()).unwrap();
    let signature = (spec.signature)(&pae, &signature);
    let mut envelope = json!({
        "payload": BASE64_STANDARD.encode(&payload), "payloadType": TYPE,
        "signatures": [{"sig": BASE64_STANDARD.encode(signature)}],
    });
    (spec.envelope)(&mut envelope);
    let mut file = jcs(&envelope);
    file.push(b'\n');
    (spec.file)(&mut file);
    file
}
