//! Vaults with a public key in the manifest that does not have the accepted form.

use super::*;
use crate::soft::points;

fn token(manifest: &mut Value, field: &str, edit: fn(&Value) -> Value) {
    let value = &mut manifest["custodians"][0]["tokens"][0][field];
    *value = edit(value);
}

/// Returns the compressed point of a p256tag recipient.
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
        ("part_mixed_case", PART, "a part's recipient contains one capital letter", with! {
            manifest: |m| m["custodians"][0]["part"] = points::one_capital(&m["custodians"][0]["part"]) }),
        ("part_bech32m", PART, "a part's recipient is in Bech32m instead of Bech32", with! {
            manifest: |m| m["custodians"][0]["part"] = points::as_bech32m(&m["custodians"][0]["part"]) }),
        ("token_recipient_capitals", TAG, "a token's recipient is in capital letters", with! {
            manifest: |m| token(m, "recipient", upper) }),
        ("token_recipient_checksum", TAG, "the checksum of a token's recipient is wrong", with! {
            manifest: |m| token(m, "recipient", other_end) }),
        ("token_recipient_uncompressed", TAG, "the point in a token's recipient is uncompressed", with! {
            manifest: |m| token(m, "recipient", |r| tag(&points::uncompressed(&point(r)))) }),
        ("token_recipient_hybrid", TAG, "the point in a token's recipient starts with 0x06", with! {
            manifest: |m| token(m, "recipient", |r| tag(&[&[6], &point(r)[1..]].concat())) }),
        ("token_recipient_not_reduced", TAG,
            "the x coordinate of the point in a token's recipient is `p` or more", with! {
            manifest: |m| token(m, "recipient", |_| tag(&points::not_reduced()[..33])) }),
    }
}

pub(super) fn signing_keys() -> Vec<Entry> {
    const KEY: &str = "a signing key is not a P-256 public key";
    fails! { "parse":
        ("signing_key_compressed", KEY, "the point of a signing key is compressed", with! {
            manifest: |m| token(m, "signing_key", points::compressed_spki) }),
        ("signing_key_off_curve", KEY, "the point of a signing key is not on the curve", with! {
            manifest: |m| token(m, "signing_key", points::off_curve_spki) }),
        ("signing_key_trailing_bits", KEY,
            "the unused bits of the last Base64 character of a signing key are not zero", with! {
            manifest: |m| token(m, "signing_key", points::base64_trailing_bit) }),
        ("signing_key_unpadded", KEY, "the Base64 text of a signing key has no padding", with! {
            manifest: |m| token(m, "signing_key", |k| k.as_str().unwrap().trim_end_matches('=').into()) }),
    }
}

/// Vaults with a fault in a field of a challenge-response token.
pub(super) fn challenge_tokens() -> Vec<Entry> {
    fails! { "parse":
        ("challenge_slot_zero", "has the slot 0",
            "the slot of a challenge-response token is 0; only slots 1 and 2 exist", with! {
            people: super::custodians::challenge, manifest: |m| m["custodians"][0]["tokens"][1]["slot"] = 0.into() }),
        ("challenge_slot_string", "the manifest is not valid",
            "the slot of a challenge-response token is a string instead of a number", with! {
            people: super::custodians::challenge, manifest: |m| m["custodians"][0]["tokens"][1]["slot"] = "2".into() }),
        ("challenge_unknown_field", "unknown field `note`",
            "a challenge-response token has a field that version 1 does not define", with! {
            people: super::custodians::challenge, manifest: |m| m["custodians"][0]["tokens"][1]["note"] = "x".into() }),
        ("challenge_key_twice", "token key", "two challenge-response tokens have the same recipient", with! {
            people: |people| { super::custodians::challenge(people);
                let mut again = people[0].challenge_tokens[0].clone();
                again.serial += 1;
                people[0].challenge_tokens.push(again); } }),
        ("challenge_recipient_mixed_case", "not an age X25519 recipient",
            "an X25519 recipient contains one capital letter", with! {
            people: super::custodians::challenge, manifest: |m| {
                let recipient = &mut m["custodians"][0]["tokens"][1]["recipient"];
                *recipient = points::one_capital(recipient);
            } }),
        ("challenge_recipient_prefix", "not an age X25519 recipient",
            "an X25519 recipient has the prefix age1tag1 instead of age1", with! {
            people: super::custodians::challenge, manifest: |m|
                m["custodians"][0]["tokens"][1]["recipient"] = forge::part_recipient("age1tag", &[9; 32]) }),
    }
}
