//! Vaults with a fault in a share.

use super::super::random;
use super::custodians::challenge;
use super::*;

pub(super) fn halves() -> Vec<Entry> {
    fails! { "parse":
        ("half_missing", "share of alice is not valid: its body", "a share has no part's half", with! {
            halves: |entry, inner| if first(entry) { inner.pop(); } }),
        ("half_additional", "share of alice is not valid: it contains more",
            "a stanza follows the part's half in a share", with! {
            halves: |entry, inner| if first(entry) { let again = copy(&inner[1]); inner.push(again); } }),
        ("halves_swapped", "share of alice is not valid: the part's half",
            "the part's half is before the token's half", with! {
            halves: |entry, inner| if first(entry) { inner.swap(0, 1); } }),
        ("tokens_swapped", "a token's half is not a stanza of its kind",
            "the token's halves of a share are not in the manifest's order of tokens", with! {
            tokens: 2, halves: |entry, inner| if first(entry) { inner.swap(0, 1); } }),
        ("token_half_type", "a token's half is not a stanza of its kind",
            "the stanza of a token's half does not have the type `p256tag`", with! {
            halves: |entry, inner| if first(entry) { inner[0].tag = "piv-p256".into(); } }),
        ("token_half_hint", "a token's half is not a stanza of its kind",
            "the hint in a p256tag stanza is the hint of another token", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[0] = "AAAAAA".into(); } }),
        ("token_half_off_curve", "a token's half is not a stanza of its kind",
            "the ephemeral point is not on the curve, and the hint matches the point", with! {
            halves: |entry, inner| if first(entry) {
                let mut enc = BASE64_STANDARD_NO_PAD.decode(&inner[0].args[1]).unwrap();
                enc[64] ^= 1;
                inner[0].args = vec![forge::hint(entry, &enc), BASE64_STANDARD_NO_PAD.encode(enc)];
            } }),
        ("token_half_compressed", "a token's half is not a stanza of its kind",
            "the ephemeral point is compressed, and the hint matches the point", with! {
            halves: |entry, inner| if first(entry) {
                let enc = BASE64_STANDARD_NO_PAD.decode(&inner[0].args[1]).unwrap();
                let enc = [&[2 + (enc[64] & 1)], &enc[1..33]].concat();
                inner[0].args = vec![forge::hint(entry, &enc), BASE64_STANDARD_NO_PAD.encode(enc)];
            } }),
        ("token_half_short", "a token's half is not a stanza of its kind",
            "a token's sealed half has 31 bytes instead of 32", with! {
            halves: |entry, inner| if first(entry) { inner[0].body.pop(); } }),
        ("challenge_half_type", "a token's half is not a stanza of its kind",
            "the half for a challenge-response token is in a p256tag stanza", with! {
            people: challenge, halves: |entry, inner| if first(entry) { inner[1] = copy(&inner[0]); } }),
        ("challenge_half_share_short", "a token's half is not a stanza of its kind",
            "the ephemeral share of a token's half has 31 bytes instead of 32", with! {
            people: challenge, halves: |entry, inner| if first(entry) { inner[1].args = vec![BASE64_STANDARD_NO_PAD.encode([9; 31])]; } }),
        ("challenge_half_trailing_bits", "a token's half is not a stanza of its kind",
            "the unused bits of the last Base64 character of the ephemeral share are not zero", with! {
            people: challenge, halves: |entry, inner| if first(entry) {
                let share = BASE64_STANDARD_NO_PAD.encode([9; 32]);
                inner[1].args = vec![format!("{}l", &share[..42])];
            } }),
        ("challenge_half_argument", "a token's half is not a stanza of its kind",
            "the stanza for a challenge-response token has one argument too many", with! {
            people: challenge, halves: |entry, inner| if first(entry) { inner[1].args.push("x".into()); } }),
        ("challenge_half_short", "a token's half is not a stanza of its kind",
            "the sealed half for a challenge-response token has 31 bytes instead of 32", with! {
            people: challenge, halves: |entry, inner| if first(entry) { inner[1].body.pop(); } }),
        ("part_half_short", "the part's half is not an mlkem768x25519 stanza",
            "a part's sealed half has 31 bytes instead of 32", with! {
            halves: |entry, inner| if first(entry) { inner[1].body.pop(); } }),
        ("part_half_enc_short", "the part's half is not an mlkem768x25519 stanza",
            "the encapsulation in a part's half has 1119 bytes, one too few", with! {
            halves: |entry, inner| if first(entry) { inner[1].args = vec![BASE64_STANDARD_NO_PAD.encode([9; 1119])]; } }),
        ("part_half_x25519", "the part's half is not an mlkem768x25519 stanza",
            "the part's half is in a stanza of age's type `X25519`, which is not post-quantum", with! {
            halves: |entry, inner| if first(entry) {
                (inner[1].tag, inner[1].args) = ("X25519".into(), vec![BASE64_STANDARD_NO_PAD.encode([9; 32])]);
            } }),
        ("part_half_argument", "the part's half is not an mlkem768x25519 stanza",
            "the stanza of a part's half has one argument too many", with! {
            halves: |entry, inner| if first(entry) { inner[1].args.push("x".into()); } }),
    }
}

pub(super) fn shares() -> Vec<Entry> {
    let by_bob = ["share_of_another_key"];
    let at_fault = |name| if by_bob.contains(&name) { "2" } else { "1" };
    halves_and_commitments()
        .into_iter()
        .map(|entry| Entry { at_fault: at_fault(entry.name), ..entry })
        .collect()
}

fn halves_and_commitments() -> Vec<Entry> {
    fails! { "share":
        ("token_half_changed", "the share of alice does not match",
            "one bit of the token's sealed half was changed", with! {
            halves: |entry, inner| if first(entry) { inner[0].body[3] ^= 1; } }),
        ("part_half_changed", "the share of alice does not match",
            "one bit of the part's sealed half was changed", with! {
            halves: |entry, inner| if first(entry) { inner[1].body[3] ^= 1; } }),
        ("part_half_ml_kem_changed", "the share of alice does not match",
            "one bit of the encapsulation's ML-KEM ciphertext was changed", with! {
            halves: |entry, inner| if first(entry) { with_enc(&mut inner[1], |enc| enc[3] ^= 1); } }),
        ("part_half_x25519_changed", "the share of alice does not match",
            "one bit of the encapsulation's X25519 key was changed", with! {
            halves: |entry, inner| if first(entry) { with_enc(&mut inner[1], |enc| enc[1091] ^= 1); } }),
        ("part_half_small_order", "the share of alice does not match",
            "the X25519 key of the encapsulation is zero", with! {
            halves: |entry, inner| if first(entry) { with_enc(&mut inner[1], |enc| enc[1088..].fill(0)); } }),
        ("challenge_half_changed", "the share of alice does not match",
            "one bit of the sealed half for a challenge-response token was changed", with! {
            people: challenge, halves: |entry, inner| if first(entry) { inner[1].body[3] ^= 1; } }),
        ("share_of_another_key", "the share of bob does not match",
            "both halves of a share decrypt, but the share does not match its commitment", with! {
            shares: |shares| shares[1] = random() }),
        ("shares_exchanged", "the share of alice does not match",
            "the shares of the two custodians are exchanged", with! {
            shares: |shares| shares.swap(0, 1) }),
        ("commitment_changed", "the share of alice does not match", "a custodian's commitment was changed", with! {
            committed: |m| m["custodians"][0]["commitment"] = "0".repeat(64).into() }),
        ("label_changed", "the share of alice does not match",
            "the label was changed after the commitments were computed", with! {
            committed: |m| m["label"] = "staging, all regions".into() }),
        ("account_changed", "the share of alice does not match",
            "a target's account was changed after the commitments were computed", with! {
            committed: |m| m["targets"][0]["account"] = "999988887777".into() }),
        ("grant_changed", "the share of alice does not match",
            "the digest of a grant was changed after the commitments were computed", with! {
            committed: |m| m["targets"][0]["grant_sha256"] = "0".repeat(64).into() }),
        ("epoch_changed", "the share of alice does not match",
            "the epoch was raised after the commitments were computed", with! {
            manifest: |m| (m["epoch"], m["replaces"]) = (2.into(), "ab".repeat(32).into()),
            committed: |m| m["epoch"] = 3.into() }),
        ("vault_id_changed", "the share of alice does not match",
            "the vault id was changed after the commitments were computed", with! {
            committed: |m| m["vault_id"] = "0".repeat(32).into() }),
        ("threshold_changed", "the share of alice does not match",
            "the threshold was lowered after the commitments were computed", with! {
            custodians: 3, threshold: 3, committed: |m| m["threshold"] = 2.into() }),
        ("other_custodian_changed", "the share of alice does not match",
            "the entry of another custodian was changed after the commitments were computed", with! {
            committed: |m| m["custodians"][1]["name"] = "bobby".into() }),
    }
}
