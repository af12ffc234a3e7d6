//! Errors in a custodian's entry.

use super::super::ChallengeToken;
use super::super::Person;
use super::opening::stranger;
use super::*;

/// Gives alice a challenge-response token beside her PIV token.
pub(super) fn challenge(people: &mut [Person]) {
    people[0].challenge_tokens.push(ChallengeToken::new(20_000_001));
}

/// Changes the recipient of that token.
fn edit_x25519(manifest: &mut Value, edit: fn(&Value) -> Value) {
    let recipient = &mut manifest["custodians"][0]["tokens"][1]["recipient"];
    *recipient = edit(recipient);
}

pub(super) fn custodians() -> Vec<Entry> {
    fails! { "parse":
        ("custodian_name", "custodian name", "a name with a space", with! {
            manifest: |m| m["custodians"][0]["name"] = "alice b".into() }),
        ("custodian_name_start", "custodian name", "a name that starts with a dash", with! {
            manifest: |m| m["custodians"][0]["name"] = "-alice".into() }),
        ("part_capitals", "not an age mlkem768x25519 recipient", "a part's recipient in capitals", with! {
            manifest: |m| m["custodians"][0]["part"] = upper(&m["custodians"][0]["part"]) }),
        ("part_checksum", "not an age mlkem768x25519 recipient", "a part's recipient with a wrong checksum", with! {
            manifest: |m| m["custodians"][0]["part"] = other_end(&m["custodians"][0]["part"]) }),
        ("part_trailing_bits", "not an age mlkem768x25519 recipient", "a bit in a part's recipient that its last character does not need", with! {
            manifest: |m| m["custodians"][0]["part"] = forge::with_trailing_bit(&m["custodians"][0]["part"]) }),
        ("part_short", "not an age mlkem768x25519 recipient", "a part's key of 1215 bytes", with! {
            manifest: |m| {
                let key = forge::part_key(&m["custodians"][0]["part"]);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key[..1215]);
            } }),
        ("part_prefix", "not an age mlkem768x25519 recipient", "a part's key under age1tagpq1", with! {
            manifest: |m| {
                let key = forge::part_key(&m["custodians"][0]["part"]);
                m["custodians"][0]["part"] = forge::part_recipient("age1tagpq", &key);
            } }),
        ("part_x25519", "not an age mlkem768x25519 recipient", "a recipient of age's type X25519, which is not post-quantum", with! {
            manifest: |m| m["custodians"][0]["part"] = forge::part_recipient("age", &[9; 32]) }),
        ("part_modulus", "not an age mlkem768x25519 recipient", "a coefficient of q in the ML-KEM key of a part", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                (key[0], key[1]) = (0x01, key[1] & 0xf0 | 0x0d);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_small_order", "not an age mlkem768x25519 recipient", "the X25519 key of a part is of small order", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1184..].fill(0);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_not_reduced", "not an age mlkem768x25519 recipient", "an X25519 coordinate of p + 2 in the key of a part", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1184..].fill(0xff);
                (key[1184], key[1215]) = (0xef, 0x7f);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_bit_255", "not an age mlkem768x25519 recipient", "bit 255 set in the X25519 coordinate of a part", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1215] |= 0x80;
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("token_recipient_trailing_bits", "not an age p256tag recipient", "a bit in a token's recipient that its last character does not need", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                *token = forge::with_trailing_bit(token);
            } }),
        ("token_recipient_prefix", "not an age p256tag recipient", "age1yubikey1 instead of age1tag1", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                let (_, point) = bech32::decode(token.as_str().unwrap()).unwrap();
                let hrp = bech32::Hrp::parse_unchecked("age1yubikey");
                *token = bech32::encode::<bech32::Bech32>(hrp, &point).unwrap().into();
            } }),
        ("token_recipient_bech32m", "not an age p256tag recipient", "a recipient in Bech32m", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                let (hrp, point) = bech32::decode(token.as_str().unwrap()).unwrap();
                *token = bech32::encode::<bech32::Bech32m>(hrp, &point).unwrap().into();
            } }),
        ("token_recipient_no_point", "not an age p256tag recipient", "a compressed point that is not on the curve", with! {
            manifest: |m| {
                let hrp = bech32::Hrp::parse_unchecked("age1tag");
                let point = [[2].as_slice(), &[0xff; 32]].concat();
                m["custodians"][0]["tokens"][0]["recipient"] =
                    bech32::encode::<bech32::Bech32>(hrp, &point).unwrap().into();
            } }),
        ("signing_key", "a signing key is not a P-256 public key", "a signing key that is cut off", with! {
            manifest: |m| {
                let key = m["custodians"][0]["tokens"][0]["signing_key"].as_str().unwrap()[4..].to_owned();
                m["custodians"][0]["tokens"][0]["signing_key"] = key.into();
            } }),
        ("slot_capitals", "not a retired PIV slot", "slot 8A", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "8A".into() }),
        ("slot_not_retired", "not a retired PIV slot", "slot 9d", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "9d".into() }),
        ("slot_twice", "both keys of a token are in the same slot", "both keys in slot 83", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "83".into() }),
        ("token_kind_unknown", "unknown variant", "a kind that version 1 does not have", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["kind"] = "ring".into() }),
        ("attestation_unknown", "unknown variant", "an attestation that version 1 does not have", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["attestation"] = "self".into() }),
        ("token_firmware", "firmware version", "a firmware version of two numbers", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["firmware"] = "5.7".into() }),
        ("token_firmware_missing", "missing field `firmware`", "a token without its firmware version", with! {
            manifest: |m| drop(m["custodians"][0]["tokens"][0].as_object_mut().unwrap().remove("firmware")) }),
        ("serial_too_wide", "the manifest is not valid", "a serial number of 2^32", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["serial"] = 4_294_967_296_u64.into() }),
    }
}

/// Errors of challenge-response tokens.
pub(super) fn challenge_tokens() -> Vec<Entry> {
    fails! { "parse":
        ("challenge_quorum", "have only challenge-response tokens", "M custodians have only challenge-response tokens", with! {
            people: |people| for (person, serial) in people.iter_mut().zip(20_000_001..) {
                person.tokens.clear();
                person.challenge_tokens.push(ChallengeToken::new(serial));
            } }),
        ("challenge_firmware", "firmware version", "a challenge-response token with a firmware version of two numbers", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["firmware"] = "5.7".into() }),
        ("challenge_serial_too_wide", "the manifest is not valid", "a challenge-response token with a serial number of 2^32", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["serial"] = 4_294_967_296_u64.into() }),
        ("challenge_signing_key", "a signing key is not a P-256 public key", "a challenge-response token with a signing key that is cut off", with! {
            people: challenge, manifest: |m| {
                let key = m["custodians"][0]["tokens"][1]["signing_key"].as_str().unwrap()[4..].to_owned();
                m["custodians"][0]["tokens"][1]["signing_key"] = key.into();
            } }),
        ("challenge_slot", "has the slot 3", "slot 3 of the OTP application", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["slot"] = 3.into() }),
        ("challenge_short", "decryption_challenge is not 32 bytes", "a challenge of 31 bytes", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["decryption_challenge"] = "00".repeat(31).into() }),
        ("challenge_capitals", "signing_challenge is not 32 bytes", "a challenge in capital hex", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["signing_challenge"] = "AB".repeat(32).into() }),
        ("challenge_twice", "both keys of a token have the same challenge", "both challenges are the same", with! {
            people: challenge, manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][1];
                token["signing_challenge"] = token["decryption_challenge"].clone();
            } }),
        ("challenge_attested", "those cannot be attested", "a challenge-response token with an attestation", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["attestation"] = "yubico".into() }),
        ("challenge_missing", "has fields of another kind, or lacks one", "a challenge-response token without its signing challenge", with! {
            people: challenge, manifest: |m| drop(m["custodians"][0]["tokens"][1].as_object_mut().unwrap().remove("signing_challenge")) }),
        ("challenge_with_slots", "has fields of another kind, or lacks one", "a challenge-response token with a PIV slot", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["signing_slot"] = "83".into() }),
        ("piv_with_challenge", "has fields of another kind, or lacks one", "a PIV token with the slot of a challenge-response token", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["slot"] = 2.into() }),
        ("piv_with_x25519", "not an age p256tag recipient", "a PIV token with a recipient of type X25519", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["recipient"] = forge::part_recipient("age", &[9; 32]) }),
        ("challenge_recipient_tag", "not an age X25519 recipient", "a challenge-response token with a p256tag recipient", with! {
            people: challenge, manifest: |m| m["custodians"][0]["tokens"][1]["recipient"] = stranger().into() }),
        ("challenge_recipient_capitals", "not an age X25519 recipient", "an X25519 recipient in capitals", with! {
            people: challenge, manifest: |m| edit_x25519(m, upper) }),
        ("challenge_recipient_checksum", "not an age X25519 recipient", "an X25519 recipient with a wrong checksum", with! {
            people: challenge, manifest: |m| edit_x25519(m, other_end) }),
        ("challenge_recipient_trailing_bits", "not an age X25519 recipient", "a bit in an X25519 recipient that its last character does not need", with! {
            people: challenge, manifest: |m| edit_x25519(m, forge::with_trailing_bit) }),
        ("challenge_recipient_bech32m", "not an age X25519 recipient", "an X25519 recipient in Bech32m", with! {
            people: challenge, manifest: |m| edit_x25519(m, |text| {
                let (hrp, key) = bech32::decode(text.as_str().unwrap()).unwrap();
                bech32::encode::<bech32::Bech32m>(hrp, &key).unwrap().into()
            }) }),
        ("challenge_recipient_short", "not an age X25519 recipient", "an X25519 key of 31 bytes", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| forge::part_recipient("age", &[9; 31])) }),
        ("challenge_recipient_small_order", "not an age X25519 recipient", "an X25519 key of small order", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| forge::part_recipient("age", &[0; 32])) }),
        ("challenge_recipient_not_reduced", "not an age X25519 recipient", "an X25519 coordinate of p + 2", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| {
                let mut key = [0xff; 32];
                (key[0], key[31]) = (0xef, 0x7f);
                forge::part_recipient("age", &key)
            }) }),
        ("challenge_recipient_bit_255", "not an age X25519 recipient", "bit 255 set in an X25519 coordinate", with! {
            people: challenge, manifest: |m| edit_x25519(m, |_| {
                let mut key = [9; 32];
                key[31] = 0x89;
                forge::part_recipient("age", &key)
            }) }),
    }
}
