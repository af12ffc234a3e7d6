//! Enrolment files with a wrong value in the payload or a wrong encoding of a certificate.

use super::*;
use crate::soft::points;
use crate::soft::x509;

/// Describes a file without an attestation. `members` changes the fields of the file's payload.
fn plain(members: fn(&mut Value)) -> Spec {
    with! { attested: false, members: members }
}

/// Describes a file without an attestation. `payload` changes the text of the file's payload.
fn text(payload: fn(String) -> String) -> Spec {
    with! { attested: false, text: payload }
}

pub(super) fn payloads() -> Vec<Row> {
    const FORM: &str = "its payload is not in canonical form";
    const INVALID: &str = "its payload is not valid";
    vec![
        (
            "enrolment_edges",
            "",
            "the name has the greatest length, the slots are the last retired slots, and the numbers are the greatest allowed",
            plain(|m| {
                m["name"] = format!("0{}", "._-".repeat(11))[..32].into();
                m["created"] = "9998-12-31T23:59:59Z".into();
                let token = &mut m["token"];
                token["serial"] = u32::MAX.into();
                token["firmware"] = "255.255.255".into();
                token["decryption_slot"] = "95".into();
                token["signing_slot"] = "8a".into();
            }),
        ),
        (
            "enrolment_payload_order",
            FORM,
            "the version is before the name in the payload",
            text(|t| t.replacen(",\"version\":1}", "}", 1).replacen("\"name\"", "\"version\":1,\"name\"", 1)),
        ),
        (
            "enrolment_payload_escape",
            FORM,
            "a letter in a string of the payload is escaped",
            text(|t| t.replacen("\"alice\"", "\"\\u0061lice\"", 1)),
        ),
        (
            "enrolment_payload_fraction",
            INVALID,
            "the number 1 in the payload is written `1.0`",
            text(|t| t.replacen("\"version\":1", "\"version\":1.0", 1)),
        ),
        (
            "enrolment_payload_field_twice",
            INVALID,
            "the payload has the field `version` twice",
            text(|t| t.replacen("\"version\":1", "\"version\":1,\"version\":1", 1)),
        ),
        (
            "enrolment_payload_not_json",
            INVALID,
            "the payload's JSON is cut off",
            text(|mut t| {
                t.pop();
                t
            }),
        ),
        ("enrolment_payload_array", INVALID, "the payload is inside an array", text(|t| format!("[{t}]"))),
        ("enrolment_payload_empty", INVALID, "the signed payload is empty", text(|_| String::new())),
    ]
}

pub(super) fn fields() -> Vec<Row> {
    const INVALID: &str = "its payload is not valid";
    vec![
        (
            "enrolment_field_missing",
            INVALID,
            "the payload has no field `created`",
            plain(|m| drop(m.as_object_mut().unwrap().remove("created"))),
        ),
        (
            "enrolment_attestation_missing",
            "its payload is not in canonical form",
            "the field `attestation` is missing; without an attestation, the field must be null",
            plain(|m| drop(m.as_object_mut().unwrap().remove("attestation"))),
        ),
        (
            "enrolment_name_null",
            INVALID,
            "the name of the custodian is null",
            plain(|m| m["name"] = Value::Null),
        ),
        (
            "enrolment_name_empty",
            "the name",
            "the name of the custodian is empty",
            plain(|m| m["name"] = "".into()),
        ),
        (
            "enrolment_name_long",
            "the name",
            "the custodian's name has 33 characters, one too many",
            plain(|m| m["name"] = "a".repeat(33).into()),
        ),
        (
            "enrolment_name_start",
            "the name",
            "the custodian's name starts with a dash",
            plain(|m| m["name"] = "-alice".into()),
        ),
        (
            "enrolment_version_string",
            INVALID,
            "the payload's version is a string instead of a number",
            plain(|m| m["version"] = "1".into()),
        ),
        (
            "enrolment_created_fraction",
            "is not a UTC time",
            "the creation time has a fraction of a second",
            plain(|m| m["created"] = "2026-11-22T02:17:00.5Z".into()),
        ),
        (
            "enrolment_created_offset",
            "is not a UTC time",
            "the creation time has an offset instead of `Z`",
            plain(|m| m["created"] = "2026-11-22T02:17:00+00:00".into()),
        ),
        (
            "enrolment_id_short",
            "enrolment is not 16 bytes",
            "the id of the enrolment has 15 bytes instead of 16",
            plain(|m| m["enrolment"] = "00".repeat(15).into()),
        ),
        (
            "enrolment_id_capitals",
            "enrolment is not 16 bytes",
            "the id of the enrolment is in capital hex",
            plain(|m| m["enrolment"] = "AB".repeat(16).into()),
        ),
    ]
}

/// Vectors with a wrong field of the token, or with a wrong claim of an attestation.
pub(super) fn of_the_token() -> Vec<Row> {
    const INVALID: &str = "its payload is not valid";
    const FIRMWARE: &str = "firmware version";
    vec![
        (
            "enrolment_token_unknown_field",
            INVALID,
            "the token has a field that version 1 does not define",
            plain(|m| m["token"]["note"] = "x".into()),
        ),
        (
            "enrolment_token_field_missing",
            INVALID,
            "the token has no signing slot",
            plain(|m| drop(m["token"].as_object_mut().unwrap().remove("signing_slot"))),
        ),
        (
            "enrolment_token_null",
            INVALID,
            "the token in the payload is null",
            plain(|m| m["token"] = Value::Null),
        ),
        (
            "enrolment_kind",
            INVALID,
            "the token has a kind that version 1 does not define",
            plain(|m| m["token"]["kind"] = "ring".into()),
        ),
        (
            "enrolment_serial",
            INVALID,
            "the token's serial number is 2^32, one above the limit",
            plain(|m| m["token"]["serial"] = 4_294_967_296_u64.into()),
        ),
        (
            "enrolment_slot",
            "not a retired PIV slot",
            "the token's signing slot is 9c, which is not a retired slot",
            plain(|m| m["token"]["signing_slot"] = "9c".into()),
        ),
        (
            "enrolment_slot_twice",
            "in the same slot",
            "both keys of the token are in slot 83",
            plain(|m| m["token"]["decryption_slot"] = "83".into()),
        ),
        (
            "enrolment_firmware_256",
            FIRMWARE,
            "a number in the firmware version is 256, one above the limit",
            plain(|m| m["token"]["firmware"] = "5.7.256".into()),
        ),
        (
            "enrolment_firmware_two",
            FIRMWARE,
            "the firmware version has two numbers instead of three",
            plain(|m| m["token"]["firmware"] = "5.7".into()),
        ),
        (
            "enrolment_denies_attestation",
            "it is marked \"not attested\", but it is attested by a root",
            "the payload claims no attestation but has certificates",
            with! {
            members: |m| m["token"]["attestation"] = "none".into() },
        ),
        (
            "enrolment_claims_other",
            "it is marked \"attested by a root that is not Yubico's\", but it is not attested",
            "the payload claims an attestation by another root but has no certificates",
            plain(|m| m["token"]["attestation"] = "other".into()),
        ),
    ]
}

/// Changes the Base64 text of one certificate: the first certificate of the chain that has Base64 padding, or otherwise
/// the decryption key's certificate.
fn certificate(members: &mut Value, edit: fn(&str) -> String) {
    let certificates = members["attestation"].as_object_mut().unwrap();
    let chain = certificates["chain"].as_array().unwrap().clone();
    let place = chain.iter().position(|one| one.as_str().unwrap().ends_with('='));
    let certificate = match place {
        Some(place) => &mut certificates["chain"][place],
        None => &mut certificates["decryption"],
    };
    *certificate = edit(certificate.as_str().unwrap()).into();
}

fn der(members: &mut Value, edit: fn(Vec<u8>) -> Vec<u8>) {
    let certificate = &mut members["attestation"]["decryption"];
    let der = BASE64_STANDARD.decode(certificate.as_str().unwrap()).unwrap();
    *certificate = BASE64_STANDARD.encode(edit(der)).into();
}

pub(super) fn certificates() -> Vec<Row> {
    const BASE64: &str = "a certificate is not base64";
    const PARSE: &str = "a certificate does not parse";
    let members = |members| with! { members: members };
    vec![
        (
            "enrolment_certificate_trailing_bits",
            BASE64,
            "the unused bits of a certificate's last Base64 character are not zero",
            members(|m| {
                certificate(m, |text| points::base64_trailing_bit(&text.into()).as_str().unwrap().to_owned());
            }),
        ),
        (
            "enrolment_certificate_unpadded",
            BASE64,
            "the Base64 text of a certificate has no padding",
            members(|m| {
                certificate(m, |text| {
                    assert!(text.ends_with('='));
                    text.trim_end_matches('=').to_owned()
                });
            }),
        ),
        (
            "enrolment_certificate_url_alphabet",
            BASE64,
            "a certificate is encoded with the alphabet of base64url",
            members(|m| {
                certificate(m, |text| {
                    let text = text.replace('+', "-").replace('/', "_");
                    assert!(text.contains(['-', '_']));
                    text
                });
            }),
        ),
        (
            "enrolment_certificate_line_end",
            BASE64,
            "the Base64 text of a certificate is on two lines instead of one",
            members(|m| {
                certificate(m, |text| format!("{}\n{}", &text[..64], &text[64..]));
            }),
        ),
        (
            "enrolment_certificate_more",
            PARSE,
            "a byte follows the DER of a certificate",
            members(|m| {
                der(m, |mut der| {
                    der.push(0);
                    der
                });
            }),
        ),
        (
            "enrolment_certificate_length",
            PARSE,
            "a DER length of a certificate has three bytes instead of two",
            members(|m| {
                der(m, |der| {
                    assert_eq!(der[1], 0x82);
                    [&[0x30, 0x83, 0], &der[2..]].concat()
                });
            }),
        ),
        (
            "enrolment_certificate_cut",
            PARSE,
            "the DER of a certificate is cut off",
            members(|m| {
                der(m, |mut der| {
                    der.pop();
                    der
                });
            }),
        ),
    ]
}

/// Vectors with a fault in the object that has the certificates, or in a certificate's content.
pub(super) fn in_certificates() -> Vec<Row> {
    const SERIAL: &str = "another serial number";
    let members = |members| with! { members: members };
    let before = |before| with! { before: before };
    vec![
        (
            "enrolment_certificates_unknown_field",
            "its payload is not valid",
            "the field `attestation` contains a field that version 1 does not define",
            members(|m| m["attestation"]["note"] = "x".into()),
        ),
        (
            "enrolment_certificates_field_missing",
            "its payload is not valid",
            "the certificate of the signing key is missing",
            members(|m| drop(m["attestation"].as_object_mut().unwrap().remove("signing"))),
        ),
        (
            "enrolment_certificates_null",
            "its payload is not valid",
            "the certificate of the signing key is null",
            members(|m| m["attestation"]["signing"] = Value::Null),
        ),
        (
            "enrolment_attests_other_signing_key",
            "the attestation of its signing key is not valid: it attests another key",
            "the certificate of the signing key attests another key",
            before(|p| p.signing = Some(crate::soft::SoftToken::new(0))),
        ),
        (
            "enrolment_serial_leading_zero",
            SERIAL,
            "the serial number in the certificates has a leading zero byte that DER does not allow",
            before(|p| {
                p.serial_der = Some([&[2, 5, 0, 0], &x509::integer(p.serial)[3..]].concat());
            }),
        ),
        (
            "enrolment_serial_string",
            SERIAL,
            "the serial number in the certificates is an OCTET STRING instead of an INTEGER",
            before(|p| {
                p.serial_der = Some([&[4], &x509::integer(p.serial)[1..]].concat());
            }),
        ),
        (
            "enrolment_subject_string",
            "it does not attest slot 83",
            "the subject names of the slots' certificates are a TeletexString",
            before(|p| p.named = |text| x509::name_as(0x14, text)),
        ),
    ]
}
