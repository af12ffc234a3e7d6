//! Vaults with a fault in a custodian's entry in the manifest.

use super::super::ChallengeToken;
use super::super::Person;
use super::opening::stranger;
use super::*;

/// Gives alice a challenge-response token in addition to her PIV token.
pub(super) fn challenge(people: &mut [Person]) {
    people[0].challenge_tokens.push(ChallengeToken::new(20_000_001));
}

/// Changes the recipient of alice's challenge-response token.
fn edit_x25519(manifest: &mut Value, edit: fn(&Value) -> Value) {
    let recipient = &mut manifest["custodians"][0]["tokens"][1]["recipient"];
    *recipient = edit(recipient);
}

pub(super) fn custodians() -> Vec<Entry> {
    fails! { "parse":
        ("custodian_name", "custodian name", "a custodian's name contains a space", with! {
            manifest: |m| m["custodians"][0]["name"] = "alice b".into() }),
        ("custodian_name_start", "custodian name", "a custodian's name starts with a dash", with! {
            manifest: |m| m["custodians"][0]["name"] = "-alice".into() }),
        ("part_capitals", "not an age mlkem768x25519 recipient", "a part's recipient is in capital letters", with! {
            manifest: |m| m["custodians"][0]["part"] = upper(&m["custodians"][0]["part"]) }),
        ("part_checksum", "not an age mlkem768x25519 recipient",
            "the checksum of a part's recipient is wrong", with! {
            manifest: |m| m["custodians"][0]["part"] = other_end(&m["custodians"][0]["part"]) }),
        ("part_trailing_bits", "not an age mlkem768x25519 recipient",
            "the unused bits of the last data character in a part's recipient are not zero", with! {
            manifest: |m| m["custodians"][0]["part"] = forge::with_trailing_bit(&m["custodians"][0]["part"]) }),
        ("part_short", "not an age mlkem768x25519 recipient",
            "a part's public key has 1215 bytes, one too few", with! {
            manifest: |m| {
                let key = forge::part_key(&m["custodians"][0]["part"]);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key[..1215]);
            } }),
        ("part_prefix", "not an age mlkem768x25519 recipient",
            "a part's recipient has the prefix `age1tagpq1` instead of `age1pq1`", with! {
            manifest: |m| {
                let key = forge::part_key(&m["custodians"][0]["part"]);
                m["custodians"][0]["part"] = forge::part_recipient("age1tagpq", &key);
            } }),
        ("part_x25519", "not an age mlkem768x25519 recipient",
            "a part's recipient has age's type `X25519`, which is not post-quantum", with! {
            manifest: |m| m["custodians"][0]["part"] = forge::part_recipient("age", &[9; 32]) }),
        ("part_modulus", "not an age mlkem768x25519 recipient", "a coefficient of a part's ML-KEM key is `q`", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                (key[0], key[1]) = (0x01, key[1] & 0xf0 | 0x0d);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_small_order", "not an age mlkem768x25519 recipient",
            "the X25519 key of a part has small order", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1184..].fill(0);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_not_reduced", "not an age mlkem768x25519 recipient",
            "the X25519 coordinate of a part is `p + 2`", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1184..].fill(0xff);
                (key[1184], key[1215]) = (0xef, 0x7f);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_bit_255", "not an age mlkem768x25519 recipient",
            "bit 255 of a part's X25519 coordinate is set", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1215] |= 0x80;
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("token_recipient_trailing_bits", "not an age p256tag recipient",
            "the unused bits of the last data character in a token's recipient are not zero", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                *token = forge::with_trailing_bit(token);
            } }),
        ("token_recipient_prefix", "not an age p256tag recipient",
            "a token's recipient has the prefix `age1yubikey1` instead of `age1tag1`", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                let (_, point) = bech32::decode(token.as_str().unwrap()).unwrap();
                let hrp = bech32::Hrp::parse_unchecked("age1yubikey");
                *token = bech32::encode::<bech32::Bech32>(hrp, &point).unwrap().into();
            } }),
        ("token_recipient_bech32m", "not an age p256tag recipient",
            "a token's recipient is in Bech32m instead of Bech32", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                let (hrp, point) = bech32::decode(token.as_str().unwrap()).unwrap();
                *token = bech32::encode::<bech32::Bech32m>(hrp, &point).unwrap().into();
            } }),
        ("token_recipient_no_point", "not an age p256tag recipient",
            "the compressed point in a token's recipient is not on the curve", with! {
            manifest: |m| {
                let hrp = bech32::Hrp::parse_unchecked("age1tag");
                let point = [[2].as_slice(), &[0xff; 32]].concat();
                m["custodians"][0]["tokens"][0]["recipient"] =
                    bech32::encode::<bech32::Bech32>(hrp, &point).unwrap().into();
            } }),
        ("signing_key", "a signing key is not a P-256 public key", "a token's signing key is cut off", with! {
            manifest: |m| {
                let key = m["custodians"][0]["tokens"][0]["signing_key"].as_str().unwrap()[4..].to_owned();
                m["custodians"][0]["tokens"][0]["signing_key"] = key.into();
            } }),
        ("slot_capitals", "not a retired PIV slot", "a token's slot is written `8A` instead of `8a`", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "8A".into() }),
        ("slot_not_retired", "not a retired PIV slot",
            "a token's key is in slot 9d, which is not a retired slot", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "9d".into() }),
        ("slot_twice", "both keys of a token are in the same slot", "both keys of a token are in slot 83", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "83".into() }),
        ("token_kind_unknown", "unknown variant", "a token has a kind that version 1 does not define", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["kind"] = "ring".into() }),
        ("attestation_unknown", "unknown variant",
            "the attestation of a token has a value that version 1 does not define", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["attestation"] = "self".into() }),
        ("token_firmware", "firmware version", "a token's firmware version has two numbers instead of three", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["firmware"] = "5.7".into() }),
        ("token_firmware_missing", "missing field `firmware`", "a token has no firmware version", with! {
            manifest: |m| drop(m["custodians"][0]["tokens"][0].as_object_mut().unwrap().remove("firmware")) }),
        ("serial_too_wide", "the manifest is not valid",
            "a token's serial number is 2^32, one above the limit", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["serial"] = 4_294_967_296_u64.into() }),
    }
}

/// Vaults with a fault in the entry of a challenge-response token.
pub(super) fn challenge_tokens() -> Vec<Entry> {
    fails! { "parse":
        ("challenge_quorum", "have only challenge-response tokens",
            "M custodians have only challenge-response tokens; at most M - 1 are allowed", with! {
            people: |people| for (person, serial) in people.iter_mut().zip(20_000_001..) {
                person.tokens.clear();
                person.challenge_tokens.push(ChallengeToken::new(serial));
            } }),
        ("challenge_firmware", "firmware version",
            "the firmware version of a challenge-response token has two numbers instead of three", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["firmware"] = "5.7".into() }),
        ("challenge_serial_too_wide", "the manifest is not valid",
            "the serial number of a challenge-response token is 2^32, one above the limit", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["serial"] = 4_294_967_296_u64.into() }),
        ("challenge_signing_key", "a signing key is not a P-256 public key",
            "the signing key of a challenge-response token is cut off", with! {
            people: challenge, manifest: |m| {
                let key = m["custodians"][0]["tokens"][1]["signing_key"].as_str().unwrap()[4..].to_owned();
                m["custodians"][0]["tokens"][1]["signing_key"] = key.into();
            } }),
        ("challenge_slot", "has the slot 3",
            "the slot of a challenge-response token is 3; only slots 1 and 2 exist", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["slot"] = 3.into() }),
        ("challenge_short", "decryption_challenge is not 32 bytes", "a challenge has 31 bytes instead of 32", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["decryption_challenge"] = "00".repeat(31).into() }),
        ("challenge_capitals", "signing_challenge is not 32 bytes", "a challenge is in capital hex", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["signing_challenge"] = "AB".repeat(32).into() }),
        ("challenge_twice", "both keys of a token have the same challenge",
            "both challenges of a token are the same", with! {
            people: challenge, manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][1];
                token["signing_challenge"] = token["decryption_challenge"].clone();
            } }),
        ("challenge_attested", "those cannot be attested", "a challenge-response token claims an attestation", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["attestation"] = "yubico".into() }),
        ("challenge_missing", "has fields of another kind, or lacks one",
            "a challenge-response token has no signing challenge", with! {
            people: challenge, manifest: |m| drop(m["custodians"][0]["tokens"][1].as_object_mut().unwrap().remove("signing_challenge")) }),
        ("challenge_with_slots", "has fields of another kind, or lacks one",
            "a challenge-response token has the field of a PIV slot", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["signing_slot"] = "83".into() }),
        ("piv_with_challenge", "has fields of another kind, or lacks one",
            "a PIV token has the field `slot`, which only a challenge-response token has", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["slot"] = 2.into() }),
        ("piv_with_x25519", "not an age p256tag recipient",
            "the recipient of a PIV token has the type `X25519`", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["recipient"] = forge::part_recipient("age", &[9; 32]) }),
        ("challenge_recipient_tag", "not an age X25519 recipient",
            "the recipient of a challenge-response token has the type `p256tag`", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["recipient"] = stranger().into() }),
        ("challenge_recipient_capitals", "not an age X25519 recipient",
            "an X25519 recipient is in capital letters", with! {
            people: challenge, manifest: |m| edit_x25519(m, upper) }),
        ("challenge_recipient_checksum", "not an age X25519 recipient",
            "the checksum of an X25519 recipient is wrong", with! {
            people: challenge, manifest: |m| edit_x25519(m, other_end) }),
        ("challenge_recipient_trailing_bits", "not an age X25519 recipient",
            "the unused bits of the last data character in an X25519 recipient are not zero", with! {
            people: challenge, manifest: |m| edit_x25519(m, forge::with_trailing_bit) }),
        ("challenge_recipient_bech32m", "not an age X25519 recipient",
            "an X25519 recipient is in Bech32m instead of Bech32", with! {
            people: challenge, manifest: |m| edit_x25519(m, |text| {
                let (hrp, key) = bech32::decode(text.as_str().unwrap()).unwrap();
                bech32::encode::<bech32::Bech32m>(hrp, &key).unwrap().into()
            }) }),
        ("challenge_recipient_short", "not an age X25519 recipient",
            "an X25519 recipient has a key of 31 bytes, one too few", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| forge::part_recipient("age", &[9; 31])) }),
        ("challenge_recipient_small_order", "not an age X25519 recipient",
            "the key in an X25519 recipient has small order", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| forge::part_recipient("age", &[0; 32])) }),
        ("challenge_recipient_not_reduced", "not an age X25519 recipient",
            "the coordinate in an X25519 recipient is `p + 2`", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| {
                let mut key = [0xff; 32];
                (key[0], key[31]) = (0xef, 0x7f);
                forge::part_recipient("age", &key)
            }) }),
        ("challenge_recipient_bit_255", "not an age X25519 recipient",
            "bit 255 of the coordinate in an X25519 recipient is set", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| {
                let mut key = [9; 32];
                key[31] = 0x89;
                forge::part_recipient("age", &key)
            }) }),
    }
}
