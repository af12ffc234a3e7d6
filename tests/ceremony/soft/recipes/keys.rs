//! Public keys in the manifest that are not in their accepted form.

use super::*;
use crate::soft::points;

fn token(manifest: &mut Value, field: &str, edit: fn(&Value) -> Value) {
    let value = &mut manifest["custodians"][0]["tokens"][0][field];
    *value = edit(value);
}

/// The compressed point of a p256tag recipient.
fn point(recipient: &Value) -> Vec<u8> {
    bech32::decode(recipient.as_str().unwrap()).unwrap().1
}

fn tag(point: &[u8]) -> Value {
    forge::part_recipient("age1tag", point)
}

pub(super) fn recipients() -> Vec<Entry> {
    const TAG: &str = "not an age p256tag recipient";
    const PART: &str = "not an age mlkem768x25519 recipient";
    fails! { "parse":
        ("part_mixed_case", PART, "a capital letter in a part's recipient", with! {
            manifest: |m| m["custodians"][0]["part"] = points::one_capital(&m["custodians"][0]["part"]) }),
        ("part_bech32m", PART, "a part's recipient in Bech32m", with! {
            manifest: |m| m["custodians"][0]["part"] = points::as_bech32m(&m["custodians"][0]["part"]) }),
        ("token_recipient_capitals", TAG, "a token's recipient in capitals", with! {
            manifest: |m| token(m, "recipient", upper) }),
        ("token_recipient_checksum", TAG, "a token's recipient with a wrong checksum", with! {
            manifest: |m| token(m, "recipient", other_end) }),
        ("token_recipient_uncompressed", TAG, "a token's point in the uncompressed form", with! {
            manifest: |m| token(m, "recipient", |r| tag(&points::uncompressed(&point(r)))) }),
        ("token_recipient_hybrid", TAG, "a token's point that starts with 0x06", with! {
            manifest: |m| token(m, "recipient", |r| tag(&[&[6], &point(r)[1..]].concat())) }),
        ("token_recipient_not_reduced", TAG, "a token's point whose x coordinate is p or more", with! {
            manifest: |m| token(m, "recipient", |_| tag(&points::not_reduced()[..33])) }),
    }
}

pub(super) fn signing_keys() -> Vec<Entry> {
    const KEY: &str = "a signing key is not a P-256 public key";
    fails! { "parse":
        ("signing_key_compressed", KEY, "a signing key with a compressed point", with! {
            manifest: |m| token(m, "signing_key", points::compressed_spki) }),
        ("signing_key_off_curve", KEY, "a signing key with a point that is not on the curve", with! {
            manifest: |m| token(m, "signing_key", points::off_curve_spki) }),
        ("signing_key_trailing_bits", KEY, "a signing key in base64 with a bit that the last character does not need", with! {
            manifest: |m| token(m, "signing_key", points::base64_trailing_bit) }),
        ("signing_key_unpadded", KEY, "a signing key in base64 without padding", with! {
            manifest: |m| token(m, "signing_key", |k| k.as_str().unwrap().trim_end_matches('=').into()) }),
    }
}

/// Fields of challenge-response tokens.
pub(super) fn challenge_tokens() -> Vec<Entry> {
    fails! { "parse":
        ("challenge_slot_zero", "has the slot 0", "slot 0 of the OTP application", with! {
            people: super::custodians::challenge, manifest: |m| m["custodians"][0]["tokens"][1]["slot"] = 0.into() }),
        ("challenge_slot_string", "the manifest is not valid", "a slot of the OTP application as a string", with! {
            people: super::custodians::challenge, manifest: |m| m["custodians"][0]["tokens"][1]["slot"] = "2".into() }),
        ("challenge_unknown_field", "unknown field `note`", "a field of a challenge-response token that version 1 does not have", with! {
            people: super::custodians::challenge, manifest: |m| m["custodians"][0]["tokens"][1]["note"] = "x".into() }),
        ("challenge_key_twice", "token key", "two challenge-response tokens with the same recipient", with! {
            people: |people| { super::custodians::challenge(people);
                let mut again = people[0].challenge_tokens[0].clone();
                again.serial += 1;
                people[0].challenge_tokens.push(again); } }),
        ("challenge_recipient_mixed_case", "not an age X25519 recipient", "a capital letter in an X25519 recipient", with! {
            people: super::custodians::challenge, manifest: |m| {
                let recipient = &mut m["custodians"][0]["tokens"][1]["recipient"];
                *recipient = points::one_capital(recipient);
            } }),
        ("challenge_recipient_prefix", "not an age X25519 recipient", "an X25519 key under age1tag1", with! {
            people: super::custodians::challenge, manifest: |m|
                m["custodians"][0]["tokens"][1]["recipient"] = forge::part_recipient("age1tag", &[9; 32]) }),
    }
}
