//! Enrolment files, with attestations under a new root; one failure each.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::enrolment::{TYPE, spki};
use breakglass::custody::token::{Slot, Token as _};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::forge::{jcs, part_key, part_recipient};
use super::vector::{Vector, Verdict};
use super::{SoftToken, people, point};

const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];
const ECDSA_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// 1.3.6.1.4.1.41482.3; one more number follows.
const YUBICO: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a, 0x03];

/// The steps that differ from a valid file; by default none.
struct Spec {
    attested: bool,
    /// The attested facts: serial number, PIN and touch policy, keys.
    serial: u32,
    policy: [u8; 2],
    keys: fn(&SoftToken) -> (SecretKey, SecretKey),
    /// The chain, F9's certificate first.
    chain: fn(&mut Vec<Vec<u8>>),
    /// Whether a key in a slot of the device attests the keys, instead of the device.
    by_slot: bool,
    members: fn(&mut Value),
    /// The payload's bytes, before they are signed.
    payload: fn(Vec<u8>) -> Vec<u8>,
    /// The envelope, signed.
    envelope: fn(&mut Value),
    file: fn(&mut Vec<u8>),
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            attested: true,
            serial: 10_000_010,
            policy: [2, 2],
            keys: |token| (token.decryption.clone(), token.signing.clone()),
            chain: |_| {},
            by_slot: false,
            members: |_| {},
            payload: |payload| payload,
            envelope: |_| {},
            file: |_| {},
        }
    }
}

macro_rules! with {
    ($($step:ident: $edit:expr),* $(,)?) => { Spec { $($step: $edit,)* ..Spec::default() } };
}

/// The vectors of enrolment files.
pub fn enrolments() -> Vec<(&'static str, Vector)> {
    table().into_iter().map(|(name, says, comment, spec)| (name, vector(says, comment, &spec))).collect()
}

/// The names of these vectors.
pub fn names() -> Vec<&'static str> {
    table().into_iter().map(|(name, ..)| name).collect()
}

/// Name, error text (empty if the file is valid), comment, and recipe.
type Row = (&'static str, &'static str, &'static str, Spec);

fn table() -> Vec<Row> {
    [envelopes(), payloads(), attestations()].into_iter().flatten().collect()
}

/// The file and its DSSE envelope.
fn envelopes() -> Vec<Row> {
    vec![
        ("enrolment", "", "attestation was waived", with! { attested: false }),
        ("enrolment_attested", "", "attested by a root that is not Yubico's", with! {}),
        (
            "enrolment_no_line_end",
            "last line is cut off",
            "no line end after the envelope",
            with! {
            file: |f| { f.pop(); } },
        ),
        (
            "enrolment_line_end_twice",
            "not in canonical form",
            "two line ends",
            with! { file: |f| f.push(b'\n') },
        ),
        (
            "enrolment_envelope_order",
            "its envelope is not in canonical form",
            "payloadType before payload",
            with! {
            file: |f| { let v: Value = serde_json::from_slice(f).unwrap();
                *f = format!("{{\"payloadType\":{},\"payload\":{},\"signatures\":{}}}\n",
                    v["payloadType"], v["payload"], v["signatures"]).into_bytes(); } },
        ),
        (
            "enrolment_envelope_keyid",
            "its envelope is not valid",
            "a keyid beside the signature",
            with! {
            envelope: |e| e["signatures"][0]["keyid"] = "".into() },
        ),
        (
            "enrolment_type",
            "does not know its type",
            "another payload type",
            with! {
            envelope: |e| e["payloadType"] = "application/json".into() },
        ),
        (
            "enrolment_unsigned",
            "exactly one signature",
            "no signature",
            with! {
            envelope: |e| e["signatures"] = json!([]) },
        ),
        (
            "enrolment_signed_twice",
            "exactly one signature",
            "two signatures",
            with! {
            envelope: |e| { let again = e["signatures"][0].clone(); e["signatures"].as_array_mut().unwrap().push(again); } },
        ),
        (
            "enrolment_signature",
            "the signature of YubiKey 10000010 is not valid",
            "the signature of another payload",
            with! {
            envelope: |e| {
                let payload = BASE64_STANDARD.decode(e["payload"].as_str().unwrap()).unwrap();
                let payload = String::from_utf8(payload).unwrap().replace("\"alice\"", "\"malice\"");
                e["payload"] = BASE64_STANDARD.encode(payload).into();
            } },
        ),
    ]
}

/// Failures of the signed payload.
fn payloads() -> Vec<Row> {
    vec![
        (
            "enrolment_payload_space",
            "its payload is not in canonical form",
            "a signed payload with a space after it",
            with! {
            payload: |mut p| { p.push(b' '); p } },
        ),
        (
            "enrolment_unknown_member",
            "its payload is not valid",
            "a signed member that version 1 does not have",
            with! {
            members: |m| m["note"] = "x".into() },
        ),
        (
            "enrolment_version",
            "its version is 2",
            "version 2",
            with! {
            members: |m| m["version"] = 2.into() },
        ),
        (
            "enrolment_name",
            "the name",
            "a name with a slash",
            with! {
            members: |m| m["name"] = "../alice".into() },
        ),
        (
            "enrolment_part_small_order",
            "not an age mlkem768x25519 recipient",
            "the X25519 key of the part is of small order",
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
            "attestation is claimed and missing",
            with! {
            attested: false, members: |m| m["token"]["attestation"] = "yubico".into() },
        ),
        (
            "enrolment_claims_yubico",
            "it is marked \"attested by Yubico\", but it is attested by a root",
            "Yubico is claimed and the root is another",
            with! {
            members: |m| m["token"]["attestation"] = "yubico".into() },
        ),
    ]
}

/// The certificates.
fn attestations() -> Vec<Row> {
    vec![
        (
            "attestation_other_serial",
            "another serial number",
            "the certificates are of another device",
            with! {
            serial: 10_000_011 },
        ),
        (
            "attestation_other_key",
            "attests another key",
            "the decryption key is not the attested one",
            with! {
            keys: |token| (SoftToken::new(0).decryption, token.signing.clone()) },
        ),
        (
            "attestation_no_touch",
            "does not require both a PIN and a touch",
            "touch policy never",
            with! { policy: [2, 1] },
        ),
        (
            "attestation_no_pin",
            "does not require both a PIN and a touch",
            "PIN policy never",
            with! { policy: [1, 2] },
        ),
        (
            "attestation_no_chain",
            "its chain must have 2 to 6 certificates",
            "an empty chain",
            with! { chain: |c| c.clear() },
        ),
        (
            "attestation_no_root",
            "its chain must have 2 to 6 certificates",
            "a chain of the device's certificate alone",
            with! { chain: |c| drop(c.pop()) },
        ),
        (
            "attestation_no_device",
            "its chain must have 2 to 6 certificates",
            "a chain of the root alone",
            with! { chain: |c| drop(c.remove(0)) },
        ),
        (
            "attestation_link",
            "is not signed by the next",
            "a root of the same name and another key",
            with! {
            chain: |c| { let key = SoftToken::new(0).signing; c[1] = certificate("root", "root", &key, &key, &ca(1)); } },
        ),
        (
            "attestation_root_not_self_signed",
            "is not signed by the next",
            "the last certificate is not its own issuer's",
            with! {
            chain: |c| { let key = SoftToken::new(0).signing; c[1] = certificate("other", "root", &key, &key, &ca(1)); } },
        ),
        (
            "attestation_by_a_slot",
            "a slot's certificate where",
            "a key in another slot of a sound device vouches for keys that are in none",
            with! {
            by_slot: true },
        ),
    ]
}

fn vector(says: &str, comment: &str, spec: &Spec) -> Vector {
    let (expect, at) = if says.is_empty() { ("success", "") } else { ("invalid", "parse") };
    Vector {
        verdict: Verdict { expect: expect.into(), at: at.into(), says: says.into() },
        comment: comment.into(),
        custodians: Vec::new(),
        gives: Vec::new(),
        key: String::new(),
        payload: String::new(),
        form: "enrolment".into(),
        file: file(spec),
    }
}

fn file(spec: &Spec) -> Vec<u8> {
    let person = people(1, 1).pop().unwrap();
    let mut token = person.tokens[0].clone();
    let entry = person.entry(1);
    let mut members = json!({
        "attestation": null, "created": "2026-11-22T02:17:00Z", "enrolment": entry.enrolment, "firmware": "5.7.2",
        "name": entry.name, "part": entry.part, "token": entry.tokens[0], "version": 1,
    });
    if spec.attested {
        members["attestation"] = attestation(spec, &token);
        members["token"]["attestation"] = "other".into();
    }
    (spec.members)(&mut members);
    let payload = (spec.payload)(jcs(&members));
    let pae = [format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len()).as_bytes(), &payload].concat();
    let slot = Slot::parse("83").unwrap();
    let signature = token.sign(slot, &Sha256::digest(pae).into()).unwrap();
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

fn attestation(spec: &Spec, token: &SoftToken) -> Value {
    let (root, device, slot) =
        (SoftToken::new(0).signing, SoftToken::new(0).signing, SoftToken::new(0).signing);
    let mut chain = vec![
        certificate("root", "device", &device, &root, &ca(0)),
        certificate("root", "root", &root, &root, &ca(1)),
    ];
    let statement = || [yubico(7, &integer(spec.serial)), yubico(8, &spec.policy)].concat();
    let (mut issuer, mut name) = (device.clone(), "device");
    if spec.by_slot {
        chain.insert(0, certificate("device", "slot 9a", &slot, &device, &statement()));
        (issuer, name) = (slot, "slot 9a");
    }
    (spec.chain)(&mut chain);
    let (decryption, signing) = (spec.keys)(token);
    let encode = |der: &Vec<u8>| BASE64_STANDARD.encode(der);
    json!({
        "chain": chain.iter().map(encode).collect::<Vec<_>>(),
        "decryption": encode(&certificate(name, "slot 82", &decryption, &issuer, &statement())),
        "signing": encode(&certificate(name, "slot 83", &signing, &issuer, &statement())),
    })
}

/// An X.509 certificate in DER (RFC 5280 section 4.1).
fn certificate(
    issuer: &str,
    subject: &str,
    key: &SecretKey,
    signer: &SecretKey,
    extensions: &[u8],
) -> Vec<u8> {
    let to_be_signed = der(
        0x30,
        &[
            &der(0xa0, &[&integer(2)]),
            &integer(1),
            ECDSA_SHA256,
            &name(issuer),
            &der(0x30, &[&der(0x17, &[b"160314000000Z"]), &der(0x18, &[b"20520417000000Z"])]),
            &name(subject),
            &spki(&point(key)).unwrap(),
            &der(0xa3, &[&der(0x30, &[extensions])]),
        ],
    );
    let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(signer).sign(&to_be_signed);
    der(0x30, &[&to_be_signed, ECDSA_SHA256, &der(0x03, &[&[0], signature.to_der().as_bytes()])])
}

fn ca(path: u32) -> Vec<u8> {
    let value = der(0x30, &[&[0x01, 0x01, 0xff], &integer(path)]);
    der(0x30, &[BASIC_CONSTRAINTS, &[0x01, 0x01, 0xff], &der(0x04, &[&value])])
}

fn yubico(number: u8, value: &[u8]) -> Vec<u8> {
    der(0x30, &[&der(0x06, &[YUBICO, &[number]]), &der(0x04, &[value])])
}

fn name(common: &str) -> Vec<u8> {
    der(
        0x30,
        &[&der(0x31, &[&der(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &der(0x0c, &[common.as_bytes()])])])],
    )
}

fn integer(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let start = bytes.iter().position(|&byte| byte != 0).unwrap_or(3);
    let sign: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
    der(0x02, &[sign, &bytes[start..]])
}

fn der(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let body = pieces.concat();
    let length = match body.len() {
        short @ 0..0x80 => vec![u8::try_from(short).unwrap()],
        long => [&[0x82], &u16::try_from(long).unwrap().to_be_bytes()[..]].concat(),
    };
    // DER requires the shortest form of a length.
    let length = if length.len() == 3 && length[1] == 0 { vec![0x81, length[2]] } else { length };
    [&[tag], &length[..], &body].concat()
}
