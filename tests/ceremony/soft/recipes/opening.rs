//! Vectors in which a custodian uses wrong words or a wrong token, or in which the file has the wrong kind.

use super::super::{ChallengeToken, Person, SoftToken, people, random};
use super::*;

pub(super) fn custody() -> Vec<Entry> {
    let other = |name, expect, at: &'static str, comment, known| Entry {
        at_fault: if at.is_empty() { "" } else { "1" },
        known,
        ..entry(expect, at, name, "", comment, with! { custodians: 3 })
    };
    vec![
        other(
            "words_of_another",
            "words of another custodian",
            "words",
            "alice types the words of carol",
            |known| {
                let (own, others) = known.split_at_mut(1);
                own[0].words.clone_from(&others[1].words);
            },
        ),
        other(
            "unknown_words",
            "unknown words",
            "words",
            "alice types words that belong to another vault",
            |known| {
                known[0].words.clone_from(&people(1, 0)[0].words);
            },
        ),
        other(
            "words_checksum",
            "invalid words",
            "words",
            "alice types twelve words whose checksum is wrong",
            |known| {
                known[0].words = "abandon ".repeat(11) + "abandon";
            },
        ),
        other(
            "words_abbreviated",
            "success",
            "",
            "the words are in capital letters, cut to four letters, and separated by several spaces",
            |known| {
                known[0].words = abbreviated(&known[0].words, 4).to_uppercase().replace(' ', "  ");
            },
        ),
        other(
            "words_of_three_letters",
            "invalid words",
            "words",
            "alice's first word is cut to three letters",
            |known| {
                known[0].words = "aba".to_owned() + &" abandon".repeat(10) + " about";
            },
        ),
        other("words_eleven", "invalid words", "words", "alice types eleven words", |known| {
            let end = known[0].words.rfind(' ').unwrap();
            known[0].words.truncate(end);
        }),
        other(
            "words_fifteen",
            "invalid words",
            "words",
            "alice types fifteen words with a valid checksum",
            |known| {
                known[0].words = "abandon ".repeat(14) + "address";
            },
        ),
        other("token_of_another", "wrong token", "token", "alice uses the token of carol", |known| {
            let (own, others) = known.split_at_mut(1);
            own[0].tokens.clone_from(&others[1].tokens);
        }),
        other(
            "unknown_token",
            "wrong token",
            "token",
            "alice uses a token with a serial number that is not in the vault",
            |known| {
                known[0].tokens[0].0 = 99_999_999;
            },
        ),
        Entry {
            recipe: with! { custodians: 3, people: super::custodians::challenge },
            ..other(
                "challenge_secret_replaced",
                "wrong token",
                "token",
                "alice uses her challenge-response token, but its slot has another secret",
                |known| known[0].tokens[1].1 = hex::encode(random::<20>()),
            )
        },
        other(
            "token_key_replaced",
            "wrong token",
            "token",
            "alice uses her PIV token, but its slot has another key",
            |known| {
                known[0].tokens[0].1 = hex::encode(random::<32>());
            },
        ),
    ]
}

/// Vaults in which the entry of a custodian was changed. A reader reports the change as wrong words or a wrong token.
pub(super) fn entries_changed() -> Vec<Entry> {
    let alice = |expect, at, name, comment, recipe| Entry {
        at_fault: "1",
        ..entry(expect, at, name, "", comment, recipe)
    };
    vec![
        alice(
            "unknown words",
            "words",
            "part_changed",
            "alice's entry has the part of another person",
            with! { committed: |m| m["custodians"][0]["part"] = people(1, 0)[0].entry(1).part.into() },
        ),
        alice(
            "unknown words",
            "words",
            "enrolment_changed",
            "alice's entry has the id of another enrolment",
            with! { committed: |m| m["custodians"][0]["enrolment"] = "0".repeat(32).into() },
        ),
        alice(
            "words of another custodian",
            "words",
            "enrolments_exchanged",
            "the enrolment and the part of alice are exchanged with those of bob",
            with! { committed: |m| for field in ["enrolment", "part"] {
                let of_alice = m["custodians"][0][field].clone();
                m["custodians"][0][field] = m["custodians"][1][field].clone();
                m["custodians"][1][field] = of_alice;
            } },
        ),
        alice(
            "wrong token",
            "token",
            "serial_changed",
            "alice's entry does not have the serial number of her token",
            with! { committed: |m| m["custodians"][0]["tokens"][0]["serial"] = 99_999_999.into() },
        ),
        alice(
            "wrong token",
            "token",
            "decryption_slot_changed",
            "alice's entry does not have the slot of her decryption key",
            with! { committed: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "84".into() },
        ),
        alice(
            "wrong token",
            "token",
            "challenge_decryption_challenge_changed",
            "alice's entry does not have the decryption challenge of her challenge-response token",
            with! {
                people: only_challenge,
                committed: |m| challenge_token(m)["decryption_challenge"] = hex::encode(random::<32>()).into(),
            },
        ),
        alice(
            "wrong token",
            "token",
            "challenge_recipient_changed",
            "alice's entry does not have the recipient of her challenge-response token",
            with! {
                people: only_challenge,
                committed: |m| {
                    let other = ChallengeToken::new(1).entry(&random()).recipient;
                    challenge_token(m)["recipient"] = other.into();
                },
            },
        ),
        alice(
            "wrong token",
            "token",
            "challenge_slot_changed",
            "alice's entry does not have the slot of her challenge-response token",
            with! {
                people: only_challenge,
                committed: |m| challenge_token(m)["slot"] = 1.into(),
            },
        ),
        alice(
            "wrong token",
            "token",
            "token_recipient_changed",
            "alice's entry does not have the decryption key of her token, and the hint matches the wrong key",
            with! {
                committed: |m| m["custodians"][0]["tokens"][0]["recipient"] = stranger().into(),
                halves: |entry, inner| if first(entry) {
                    let enc = BASE64_STANDARD_NO_PAD.decode(&inner[0].args[1]).unwrap();
                    inner[0].args[0] = forge::hint(&json!({"tokens": [{"recipient": stranger()}]}), &enc);
                },
            },
        ),
    ]
}

/// Gives alice a challenge-response token instead of her PIV token.
fn only_challenge(people: &mut [Person]) {
    people[0].tokens.clear();
    super::custodians::challenge(people);
}

/// Returns the entry of alice's challenge-response token.
fn challenge_token(manifest: &mut Value) -> &mut Value {
    &mut manifest["custodians"][0]["tokens"][0]
}

/// Vectors in which the reader expects a vault but gets a drill vault, or expects a drill vault but gets a vault.
pub(super) fn kinds() -> Vec<Entry> {
    let drill = || {
        with! {
            credentials: |c| c["targets"][0]["grant"] = json!([]),
            manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into(),
        }
    };
    let other = |name, comment, wanted, recipe| Entry {
        wanted,
        ..entry("wrong kind", "parse", name, "", comment, recipe)
    };
    vec![
        other(
            "drill_for_vault",
            "the reader expects a vault, but the file is a drill vault",
            "vault",
            drill(),
        ),
        other(
            "drill_of_added",
            "the field `drill_of` was added to the manifest of a vault, and the reader expects a vault",
            "vault",
            with! { committed: |m| m["drill_of"] = hex::encode(random::<16>()).into() },
        ),
        other(
            "drill_of_removed",
            "the field `drill_of` was removed from the manifest of a drill vault, and the reader expects a drill vault",
            "drill",
            Recipe { committed: |m| drop(m.as_object_mut().unwrap().remove("drill_of")), ..drill() },
        ),
        other(
            "vault_for_drill",
            "the reader expects a drill vault, but the file is a vault",
            "drill",
            Recipe::default(),
        ),
    ]
}

/// Cuts each word to at most `letters` letters.
fn abbreviated(words: &str, letters: usize) -> String {
    let cut = |word: &str| word[..word.len().min(letters)].to_owned();
    words.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

/// Returns the recipient of a token that belongs to no custodian.
pub(super) fn stranger() -> String {
    let key = p256::SecretKey::from_slice(&[9; 32]).unwrap();
    SoftToken { serial: 1, signing: key.clone(), decryption: key }.entry().recipient
}
