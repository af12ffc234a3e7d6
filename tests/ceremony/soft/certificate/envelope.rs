//! Enrolment files with a fault in the envelope: in its JSON, its Base64 or its signature.

use p256::ecdsa::Signature;

use super::*;
use crate::soft::points;

fn without_attestation(envelope: fn(&mut Value)) -> Spec {
    with! { attested: false, envelope: envelope }
}

/// Edits the Base64 text of the payload or of the signature.
fn edit(envelope: &mut Value, field: &str, edit: fn(&str) -> String) {
    let text = if field == "sig" { &mut envelope["signatures"][0]["sig"] } else { &mut envelope[field] };
    *text = edit(text.as_str().unwrap()).into();
}

/// Makes the name longer until the payload's last Base64 character has unused bits.
fn uneven(members: &mut Value) {
    while jcs(members).len() % 3 != 1 {
        members["name"] = (members["name"].as_str().unwrap().to_owned() + "x").into();
    }
}

/// Returns the signature with the smaller of the two possible values of s. The length of this signature is not a
/// multiple of three.
fn uneven_signature(_: &[u8], signature: &[u8]) -> Vec<u8> {
    let signature = Signature::from_der(signature).unwrap().normalize_s().to_der().as_bytes().to_vec();
    assert!(!signature.len().is_multiple_of(3));
    signature
}

fn trailing_bit(text: &str) -> String {
    points::base64_trailing_bit(&text.into()).as_str().unwrap().to_owned()
}

fn unpadded(text: &str) -> String {
    assert!(text.ends_with('='));
    text.trim_end_matches('=').to_owned()
}

/// Changes Base64 text to the alphabet of base64url. The result contains at least one character that only base64url
/// has.
fn url_alphabet(text: &str) -> String {
    let text = text.replace('+', "-").replace('/', "_");
    if text.contains(['-', '_']) { text } else { format!("-{}", &text[1..]) }
}

fn two_lines(text: &str) -> String {
    format!("{}\n{}", &text[..64], &text[64..])
}

pub(super) fn files() -> Vec<Row> {
    const FORM: &str = "its envelope is not in canonical form";
    const INVALID: &str = "its envelope is not valid";
    let spec = |file: fn(&mut Vec<u8>)| with! { attested: false, file: file };
    vec![
        ("enrolment_empty", "last line is cut off", "the enrolment file is empty", spec(Vec::clear)),
        (
            "enrolment_crlf",
            FORM,
            "the line of the envelope ends in CR LF",
            spec(|f| f.insert(f.len() - 1, b'\r')),
        ),
        ("enrolment_space_before", FORM, "a space is before the envelope", spec(|f| f.insert(0, b' '))),
        ("enrolment_two", INVALID, "the file contains two envelopes", spec(|f| f.extend(f.clone()))),
        (
            "enrolment_envelope_field_twice",
            INVALID,
            "the envelope has the payload type twice",
            spec(|f| {
                let text = String::from_utf8(f.clone()).unwrap();
                let (before, after) = text.split_at(text.find("\"payloadType\"").unwrap());
                *f = format!("{before}\"payloadType\":\"{TYPE}\",{after}").into_bytes();
            }),
        ),
        (
            "enrolment_envelope_unknown_field",
            INVALID,
            "the envelope has a field that version 1 does not define",
            without_attestation(|e| e["note"] = "x".into()),
        ),
        (
            "enrolment_envelope_field_missing",
            INVALID,
            "the envelope has no field `signatures`",
            without_attestation(|e| drop(e.as_object_mut().unwrap().remove("signatures"))),
        ),
        (
            "enrolment_envelope_null",
            INVALID,
            "the payload in the envelope is null",
            without_attestation(|e| e["payload"] = Value::Null),
        ),
        (
            "enrolment_type_v2",
            "this version of the program does not know",
            "the envelope has the payload type of a version 2 enrolment",
            Spec {
                signed: |pae| {
                    let text = String::from_utf8(pae.to_vec()).expect("the payload is JSON");
                    text.replacen(TYPE, &TYPE.replace("v1", "v2"), 1).into_bytes()
                },
                ..without_attestation(|e| e["payloadType"] = TYPE.replace("v1", "v2").into())
            },
        ),
        (
            "enrolment_type_statement",
            "this version of the program does not know",
            "the envelope has the payload type of an approval",
            without_attestation(|e| e["payloadType"] = TYPE.replace("enrolment", "open").into()),
        ),
    ]
}

pub(super) fn base64() -> Vec<Row> {
    const PAYLOAD: &str = "its payload is not base64";
    const SIGNATURE: &str = "the signature of YubiKey 10000010 is not valid";
    let payload = |envelope| with! { attested: false, members: uneven, envelope: envelope };
    let signature = |envelope| with! { attested: false, signature: uneven_signature, envelope: envelope };
    vec![
        (
            "enrolment_payload_trailing_bits",
            PAYLOAD,
            "the unused bits of the payload's last Base64 character are not zero",
            payload(|e| edit(e, "payload", trailing_bit)),
        ),
        (
            "enrolment_payload_unpadded",
            PAYLOAD,
            "the payload's Base64 text has no padding",
            payload(|e| edit(e, "payload", unpadded)),
        ),
        (
            "enrolment_payload_padding_too_much",
            PAYLOAD,
            "the payload's Base64 text has padding although its length needs none",
            with! {
            attested: false, members: |m| while !jcs(m).len().is_multiple_of(3) {
                m["name"] = (m["name"].as_str().unwrap().to_owned() + "x").into();
            }, envelope: |e| edit(e, "payload", |text| format!("{text}====")) },
        ),
        (
            "enrolment_payload_url_alphabet",
            PAYLOAD,
            "the payload is encoded with the alphabet of base64url",
            payload(|e| edit(e, "payload", url_alphabet)),
        ),
        (
            "enrolment_payload_line_end",
            PAYLOAD,
            "the payload's Base64 text is on two lines instead of one",
            payload(|e| edit(e, "payload", two_lines)),
        ),
        (
            "enrolment_sig_trailing_bits",
            SIGNATURE,
            "the unused bits of the signature's last Base64 character are not zero",
            signature(|e| edit(e, "sig", trailing_bit)),
        ),
        (
            "enrolment_sig_unpadded",
            SIGNATURE,
            "the signature's Base64 text has no padding",
            signature(|e| edit(e, "sig", unpadded)),
        ),
        (
            "enrolment_sig_url_alphabet",
            SIGNATURE,
            "the signature is encoded with the alphabet of base64url",
            signature(|e| edit(e, "sig", url_alphabet)),
        ),
        (
            "enrolment_sig_line_end",
            SIGNATURE,
            "the signature's Base64 text is on two lines instead of one",
            signature(|e| edit(e, "sig", two_lines)),
        ),
        (
            "enrolment_sig_empty",
            SIGNATURE,
            "the signature in the envelope is empty",
            without_attestation(|e| e["signatures"][0]["sig"] = "".into()),
        ),
        (
            "enrolment_sig_null",
            "its envelope is not valid",
            "the signature in the envelope is null",
            without_attestation(|e| e["signatures"][0]["sig"] = Value::Null),
        ),
    ]
}

/// Splits a DER signature into the INTEGERs r and s, with their tags and lengths.
fn integers(signature: &[u8]) -> [Vec<u8>; 2] {
    let length = usize::from(signature[3]);
    [signature[2..4 + length].to_vec(), signature[4 + length..].to_vec()]
}

fn sequence(pieces: &[Vec<u8>]) -> Vec<u8> {
    let body = pieces.concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}

pub(super) fn signatures() -> Vec<Row> {
    const SIGNATURE: &str = "the signature of YubiKey 10000010 is not valid";
    let spec = |signature: fn(&[u8], &[u8]) -> Vec<u8>| with! { attested: false, signature: signature };
    vec![
        (
            "enrolment_signature_low_s",
            "",
            "the value `s` of the signature is in the lower half of its range",
            spec(uneven_signature),
        ),
        (
            "enrolment_signature_high_s",
            "",
            "the value `s` of the signature is in the upper half of its range; real tokens make such signatures",
            spec(|_, s| {
                let (r, s) = Signature::from_der(s).unwrap().normalize_s().split_scalars();
                Signature::from_scalars(r, -*s).unwrap().to_der().as_bytes().to_vec()
            }),
        ),
        (
            "enrolment_signature_raw",
            SIGNATURE,
            "the signature is not in DER: it consists of `r` and `s` with 32 bytes each",
            spec(|_, s| Signature::from_der(s).unwrap().to_bytes().to_vec()),
        ),
        (
            "enrolment_signature_leading_zero",
            SIGNATURE,
            "the value `s` of the signature has a leading zero byte that DER does not allow",
            spec(|_, s| {
                let [r, s] = integers(Signature::from_der(s).unwrap().normalize_s().to_der().as_bytes());
                sequence(&[r, [&[2, s[1] + 1, 0], &s[2..]].concat()])
            }),
        ),
        (
            "enrolment_signature_negative",
            SIGNATURE,
            "the value `s` of the signature lacks its leading zero byte, so the value is negative",
            spec(|_, s| {
                let (r, s) = Signature::from_der(s).unwrap().normalize_s().split_scalars();
                let high = Signature::from_scalars(r, -*s).unwrap();
                let [r, s] = integers(high.to_der().as_bytes());
                assert_eq!(s[2], 0);
                sequence(&[r, [&[2, s[1] - 1], &s[3..]].concat()])
            }),
        ),
        (
            "enrolment_signature_long_length",
            SIGNATURE,
            "a DER length of the signature has two bytes instead of one",
            spec(|_, s| [&[0x30, 0x81], &s[1..]].concat()),
        ),
        (
            "enrolment_signature_more",
            SIGNATURE,
            "a byte follows the signature",
            spec(|_, s| [s, &[0]].concat()),
        ),
        (
            "enrolment_signature_zero",
            SIGNATURE,
            "the values `r` and `s` of the signature are both zero",
            spec(|_, _| vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ),
    ]
}

/// Vectors whose signature is for other bytes or by another key.
pub(super) fn other_signatures() -> Vec<Row> {
    const SIGNATURE: &str = "the signature of YubiKey 10000010 is not valid";
    vec![
        (
            "enrolment_signature_other_key",
            SIGNATURE,
            "another token made the signature",
            with! { attested: false, signature: |pae, _| {
                let digest = Sha256::digest(pae).into();
                crate::soft::SoftToken::new(1).sign(Slot::parse("83").unwrap(), &digest).unwrap()
            } },
        ),
        (
            "enrolment_signature_decryption_key",
            SIGNATURE,
            "the signing key in the payload is the decryption key, which did not make the signature",
            with! {
            attested: false, members: |m| {
                let recipient = m["token"]["recipient"].as_str().unwrap();
                let point = points::uncompressed(&bech32::decode(recipient).unwrap().1);
                m["token"]["signing_key"] = BASE64_STANDARD.encode(breakglass::custody::enrolment::spki(&point).unwrap()).into();
            } },
        ),
        (
            "enrolment_signature_of_payload",
            SIGNATURE,
            "the signature is for the payload without the prefix of DSSE",
            with! {
            attested: false, signed: |pae| pae[pae.iter().position(|b| *b == b'{').unwrap()..].to_vec() },
        ),
        (
            "enrolment_signature_of_other_type",
            SIGNATURE,
            "the signature is for another payload type",
            with! {
            attested: false, signed: |pae| {
                let text = String::from_utf8(pae.to_vec()).unwrap();
                text.replacen("DSSEv1 44 application/vnd.breakglass.enrolment.v1", "DSSEv1 39 application/vnd.breakglass.open.v1", 1).into_bytes()
            } },
        ),
    ]
}
