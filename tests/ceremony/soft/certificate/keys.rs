//! Enrolment files with a public key that does not have the accepted form.

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p384::pkcs8::EncodePublicKey as _;

use super::*;
use crate::soft::forge::{with_checksum, with_trailing_bit};
use crate::soft::points;

/// Returns the X25519 coordinate `p - minus` in little-endian order (RFC 7748). The coordinate `p - 1` has small
/// order.
fn below_p(minus: u8) -> [u8; 32] {
    let mut coordinate = [0xff; 32];
    (coordinate[0], coordinate[31]) = (0xed - minus, 0x7f);
    coordinate
}

fn small(number: u8) -> [u8; 32] {
    let mut coordinate = [0; 32];
    coordinate[0] = number;
    coordinate
}

const ORDER_8: [&str; 2] = [
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
];

fn decoded(hex_text: &str) -> [u8; 32] {
    hex::decode(hex_text).unwrap().try_into().unwrap()
}

fn with_bit_255(mut coordinate: [u8; 32]) -> [u8; 32] {
    coordinate[31] |= 0x80;
    coordinate
}

/// Describes a file without an attestation, with a changed public key in the part's recipient.
macro_rules! part {
    (|$key:ident| $edit:expr) => {
        with! { attested: false, members: |m| {
            let $key = part_key(&m["part"]);
            m["part"] = part_recipient("age1pq", &$edit);
        } }
    };
}

/// Describes a file without an attestation, with another X25519 key in the part's recipient.
macro_rules! x25519_of_part {
    ($coordinate:expr) => {
        part! { |key| [&key[..1184], &$coordinate[..]].concat() }
    };
}

pub(super) fn parts() -> Vec<Row> {
    const PART: &str = "not an age mlkem768x25519 recipient";
    vec![
        (
            "enrolment_part_greatest",
            "",
            "the X25519 coordinate of the part is `p - 2`, the greatest allowed",
            x25519_of_part!(below_p(2)),
        ),
        (
            "enrolment_part_two",
            "",
            "the X25519 coordinate of the part is 2, the smallest allowed",
            x25519_of_part!(small(2)),
        ),
        (
            "enrolment_part_one",
            PART,
            "the X25519 coordinate of the part is 1, which has small order",
            x25519_of_part!(small(1)),
        ),
        (
            "enrolment_part_minus_one",
            PART,
            "the X25519 coordinate of the part is `p - 1`, which has small order",
            x25519_of_part!(below_p(1)),
        ),
        (
            "enrolment_part_order_8",
            PART,
            "the X25519 key of the part is one of the two points of order 8",
            x25519_of_part!(decoded(ORDER_8[0])),
        ),
        (
            "enrolment_part_order_8_other",
            PART,
            "the X25519 key of the part is the other point of order 8",
            x25519_of_part!(decoded(ORDER_8[1])),
        ),
        (
            "enrolment_part_p",
            PART,
            "the X25519 coordinate of the part is `p`, which is not reduced",
            x25519_of_part!(below_p(0)),
        ),
        (
            "enrolment_part_bit_255",
            PART,
            "bit 255 of the part's X25519 coordinate is set",
            part! { |key| {
                [&key[..1184], &with_bit_255(key[1184..].try_into().unwrap())[..]].concat()
            } },
        ),
        (
            "enrolment_part_modulus",
            PART,
            "the last coefficient of the part's ML-KEM key is `q`",
            part! { |key| {
                let mut key = key;
                (key[1150], key[1151]) = (key[1150] & 0x0f | 0x10, 0xd0);
                key
            } },
        ),
        (
            "enrolment_part_coefficient",
            "",
            "the last coefficient of the part's ML-KEM key is `q - 1`, the greatest allowed",
            part! { |key| {
                let mut key = key;
                (key[1150], key[1151]) = (key[1150] & 0x0f, 0xd0);
                key
            } },
        ),
    ]
}

/// Vectors with a wrong text of the part's recipient.
pub(super) fn texts_of_parts() -> Vec<Row> {
    const PART: &str = "not an age mlkem768x25519 recipient";
    let edited = |members| with! { attested: false, members: members };
    vec![
        (
            "enrolment_part_short",
            PART,
            "the part's public key has 1215 bytes, one too few",
            part! { |key| key[..1215] },
        ),
        (
            "enrolment_part_long",
            PART,
            "the part's public key has 1217 bytes, one too many",
            part! { |key| [&key[..], &[0]].concat() },
        ),
        (
            "enrolment_part_prefix",
            PART,
            "the part's recipient has the prefix `age1tagpq1` instead of `age1pq1`",
            edited(|m| m["part"] = part_recipient("age1tagpq", &part_key(&m["part"]))),
        ),
        (
            "enrolment_part_capitals",
            PART,
            "the part's recipient is in capital letters",
            edited(|m| m["part"] = m["part"].as_str().unwrap().to_uppercase().into()),
        ),
        (
            "enrolment_part_mixed_case",
            PART,
            "the part's recipient contains one capital letter",
            edited(|m| m["part"] = points::one_capital(&m["part"])),
        ),
        (
            "enrolment_part_checksum",
            PART,
            "the checksum of the part's recipient is wrong",
            edited(|m| m["part"] = with_checksum(m["part"].as_str().unwrap(), 2, 0).into()),
        ),
        (
            "enrolment_part_bech32m",
            PART,
            "the part's recipient is in Bech32m instead of Bech32",
            edited(|m| m["part"] = points::as_bech32m(&m["part"])),
        ),
        (
            "enrolment_part_trailing_bits",
            PART,
            "the unused bits of the last data character in the part's recipient are not zero",
            edited(|m| m["part"] = with_trailing_bit(&m["part"])),
        ),
    ]
}

/// Describes a file without an attestation, with a changed point in the token's recipient.
macro_rules! point {
    (|$point:ident| $edit:expr) => {
        with! { attested: false, members: |m| {
            let $point = bech32::decode(m["token"]["recipient"].as_str().unwrap()).unwrap().1;
            m["token"]["recipient"] = part_recipient("age1tag", &$edit);
        } }
    };
}

pub(super) fn tokens() -> Vec<Row> {
    const TAG: &str = "not an age p256tag recipient";
    fn edited(edit: fn(&Value) -> Value) -> Spec {
        with! { attested: false, recipient: edit }
    }
    vec![
        (
            "enrolment_token_uncompressed",
            TAG,
            "the point in the token's recipient is uncompressed",
            point! { |point| points::uncompressed(&point) },
        ),
        (
            "enrolment_token_compact",
            TAG,
            "the point in the token's recipient starts with 0x05",
            point! { |point| [&[5], &point[1..]].concat() },
        ),
        (
            "enrolment_token_hybrid",
            TAG,
            "the point in the token's recipient starts with 0x06",
            point! { |point| [&[6], &point[1..]].concat() },
        ),
        (
            "enrolment_token_off_curve",
            TAG,
            "the point in the token's recipient is not on the curve",
            point! { |point| [&point[..1], &[0xff; 32]].concat() },
        ),
        (
            "enrolment_token_not_reduced",
            TAG,
            "the x coordinate of the point in the token's recipient is `p` or more",
            point! { |point| [&point[..1], &points::not_reduced()[1..33]].concat() },
        ),
        (
            "enrolment_token_infinity",
            TAG,
            "the point in the token's recipient is the point at infinity",
            point! { |_point| [0] },
        ),
        (
            "enrolment_token_short",
            TAG,
            "the point in the token's recipient has 32 bytes, one too few",
            point! { |point| point[..32] },
        ),
        (
            "enrolment_token_capitals",
            TAG,
            "the token's recipient is in capital letters",
            edited(|r| r.as_str().unwrap().to_uppercase().into()),
        ),
        (
            "enrolment_token_mixed_case",
            TAG,
            "the token's recipient contains one capital letter",
            edited(points::one_capital),
        ),
        (
            "enrolment_token_checksum",
            TAG,
            "the checksum of the token's recipient is wrong",
            edited(|r| with_checksum(r.as_str().unwrap(), 2, 0).into()),
        ),
        (
            "enrolment_token_bech32m",
            TAG,
            "the token's recipient is in Bech32m instead of Bech32",
            edited(points::as_bech32m),
        ),
        (
            "enrolment_token_trailing_bits",
            TAG,
            "the unused bits of the last data character in the token's recipient are not zero",
            edited(with_trailing_bit),
        ),
        (
            "enrolment_token_prefix",
            TAG,
            "the token's recipient has the prefix `age1yubikey1` instead of `age1tag1`",
            edited(|r| part_recipient("age1yubikey", &bech32::decode(r.as_str().unwrap()).unwrap().1)),
        ),
    ]
}

pub(super) fn signing_keys() -> Vec<Row> {
    const KEY: &str = "a signing key is not a P-256 public key";
    fn edited(edit: fn(&Value) -> Value) -> Spec {
        with! { attested: false, signing_key: edit }
    }
    vec![
        (
            "enrolment_signing_key_compressed",
            KEY,
            "the point of the signing key is compressed",
            edited(points::compressed_spki),
        ),
        (
            "enrolment_signing_key_hybrid",
            KEY,
            "the point of the signing key starts with 0x06 or 0x07",
            edited(points::hybrid_spki),
        ),
        (
            "enrolment_signing_key_explicit",
            KEY,
            "the signing key has the parameters of its curve instead of the curve's name",
            edited(points::explicit_spki),
        ),
        (
            "enrolment_signing_key_off_curve",
            KEY,
            "the point of the signing key is not on the curve",
            edited(points::off_curve_spki),
        ),
        (
            "enrolment_signing_key_not_reduced",
            KEY,
            "the x coordinate of the signing key is `p` or more",
            edited(points::not_reduced_spki),
        ),
        (
            "enrolment_signing_key_more",
            KEY,
            "a byte follows the DER of the signing key",
            edited(points::spki_and_more),
        ),
        (
            "enrolment_signing_key_trailing_bits",
            KEY,
            "the unused bits of the signing key's last Base64 character are not zero",
            edited(points::base64_trailing_bit),
        ),
        (
            "enrolment_signing_key_unpadded",
            KEY,
            "the Base64 text of the signing key has no padding",
            edited(|k| k.as_str().unwrap().trim_end_matches('=').into()),
        ),
        (
            "enrolment_signing_key_url_alphabet",
            KEY,
            "the signing key is encoded with the alphabet of base64url",
            edited(|k| k.as_str().unwrap().replacen(['+', '/'], "_", 1).replacen('A', "-", 1).into()),
        ),
        (
            "enrolment_signing_key_line_end",
            KEY,
            "the Base64 text of the signing key is on two lines instead of one",
            edited(|k| {
                let k = k.as_str().unwrap();
                format!("{}\n{}", &k[..64], &k[64..]).into()
            }),
        ),
        (
            "enrolment_signing_key_p384",
            KEY,
            "the signing key and the signature use the curve P-384",
            with! {
            attested: false,
            signing_key: |_| BASE64_STANDARD.encode(p384::PublicKey::from(p384_key().verifying_key()).to_public_key_der().unwrap()).into(),
            signature: |pae, _| {
                let signature: p384::ecdsa::Signature = p384_key().sign_prehash(&Sha256::digest(pae)).unwrap();
                signature.to_der().as_bytes().to_vec()
            } },
        ),
    ]
}

fn p384_key() -> p384::ecdsa::SigningKey {
    p384::ecdsa::SigningKey::from_slice(&[9; 48]).unwrap()
}

/// Describes the enrolment of a challenge-response token that has the given X25519 key.
macro_rules! x25519 {
    ($coordinate:expr) => {
        with! { attested: false, challenge: true, recipient: |_| part_recipient("age", &$coordinate) }
    };
}

pub(super) fn challenge_tokens() -> Vec<Row> {
    const KEY: &str = "not an age X25519 recipient";
    fn edited(edit: fn(&Value) -> Value) -> Spec {
        with! { attested: false, challenge: true, recipient: edit }
    }
    let of = |members| with! { attested: false, challenge: true, members: members };
    vec![
        (
            "enrolment_challenge",
            "",
            "the enrolment of a challenge-response token",
            with! { attested: false, challenge: true },
        ),
        (
            "enrolment_challenge_slot_1",
            "",
            "the secret of the challenge-response token is in slot 1",
            of(|m| m["token"]["slot"] = 1.into()),
        ),
        (
            "enrolment_challenge_greatest",
            "",
            "the X25519 coordinate of the token is `p - 2`, the greatest allowed",
            x25519!(below_p(2)),
        ),
        (
            "enrolment_challenge_zero",
            KEY,
            "the X25519 coordinate of the token is 0, which has small order",
            x25519!(small(0)),
        ),
        (
            "enrolment_challenge_one",
            KEY,
            "the X25519 coordinate of the token is 1, which has small order",
            x25519!(small(1)),
        ),
        (
            "enrolment_challenge_minus_one",
            KEY,
            "the X25519 coordinate of the token is `p - 1`, which has small order",
            x25519!(below_p(1)),
        ),
        (
            "enrolment_challenge_order_8",
            KEY,
            "the X25519 key of the token is one of the two points of order 8",
            x25519!(decoded(ORDER_8[0])),
        ),
        (
            "enrolment_challenge_order_8_other",
            KEY,
            "the X25519 key of the token is the other point of order 8",
            x25519!(decoded(ORDER_8[1])),
        ),
        (
            "enrolment_challenge_p",
            KEY,
            "the X25519 coordinate of the token is `p`, which is not reduced",
            x25519!(below_p(0)),
        ),
        (
            "enrolment_challenge_bit_255",
            KEY,
            "bit 255 of the token's X25519 coordinate is set",
            x25519!(with_bit_255(small(9))),
        ),
        (
            "enrolment_challenge_capitals",
            KEY,
            "the token's X25519 recipient is in capital letters",
            edited(|r| r.as_str().unwrap().to_uppercase().into()),
        ),
        (
            "enrolment_challenge_bech32m",
            KEY,
            "the token's X25519 recipient is in Bech32m instead of Bech32",
            edited(points::as_bech32m),
        ),
        (
            "enrolment_challenge_trailing_bits",
            KEY,
            "the unused bits of the last data character in the token's X25519 recipient are not zero",
            edited(with_trailing_bit),
        ),
        (
            "enrolment_challenge_short",
            "decryption_challenge is not 32 bytes",
            "the decryption challenge has 31 bytes instead of 32",
            of(|m| m["token"]["decryption_challenge"] = "00".repeat(31).into()),
        ),
        (
            "enrolment_challenge_in_capitals",
            "signing_challenge is not 32 bytes",
            "the signing challenge is in capital hex",
            of(|m| m["token"]["signing_challenge"] = "AB".repeat(32).into()),
        ),
        (
            "enrolment_challenge_twice",
            "both keys of a token have the same challenge",
            "both challenges of the token are the same",
            of(|m| m["token"]["signing_challenge"] = m["token"]["decryption_challenge"].clone()),
        ),
        (
            "enrolment_challenge_slot_3",
            "has the slot 3",
            "the slot of the challenge-response token is 3; only slots 1 and 2 exist",
            of(|m| m["token"]["slot"] = 3.into()),
        ),
        (
            "enrolment_challenge_claims",
            "those cannot be attested",
            "a challenge-response token claims an attestation",
            of(|m| m["token"]["attestation"] = "other".into()),
        ),
        (
            "enrolment_challenge_attested",
            "a challenge-response token cannot be attested",
            "the enrolment of a challenge-response token contains certificates",
            with! {
            challenge: true, members: |m| m["token"]["attestation"] = "none".into() },
        ),
        (
            "enrolment_challenge_signature",
            "the signature of YubiKey 20000001 is not valid",
            "another token made the signature",
            with! {
            attested: false, challenge: true, signature: |pae, _| {
                let digest = Sha256::digest(pae).into();
                crate::soft::SoftToken::new(1).sign(Slot::parse("83").unwrap(), &digest).unwrap()
            } },
        ),
    ]
}
