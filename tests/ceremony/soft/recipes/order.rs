//! Vaults with two faults. A reader must report the fault that comes first in the order of the specification. This
//! module also has vectors in which custodians type their words in unusual forms.

use super::super::{people, random};
use super::*;

/// Replaces the words that bob types with words of another vault.
fn bob_misreads(known: &mut [Custodian]) {
    known[1].words.clone_from(&people(1, 0)[0].words);
}

/// Replaces the words that alice types with words of another vault.
fn alice_misreads(known: &mut [Custodian]) {
    known[0].words.clone_from(&people(1, 0)[0].words);
}

fn unknown_token(known: &mut [Custodian]) {
    known[0].tokens[0].0 = 99_999_999;
}

fn drill(manifest: &mut Value) {
    manifest["drill_of"] = hex::encode(random::<16>()).into();
}

struct First {
    name: &'static str,
    expect: &'static str,
    step: &'static str,
    at_fault: &'static str,
    comment: &'static str,
    wanted: &'static str,
    known: fn(&mut [Custodian]),
    recipe: Recipe,
}

/// Vectors whose first fault is in the file. A reader must report a fault of the file before the reader asks a
/// custodian.
fn before_custodians() -> Vec<First> {
    let parse = |name, expect, comment, wanted, known, recipe| First {
        name,
        expect,
        step: "parse",
        at_fault: "",
        comment,
        wanted,
        known,
        recipe,
    };
    let other = with! { manifest: |m| m["label"] = "".into() };
    let half = with! { halves: |entry, inner| if entry["index"] == 2 { inner[0].body.pop(); } };
    let length = with! { file: |f| f.push(0) };
    let version = |change: fn(&mut Value)| Recipe {
        manifest: change,
        stanzas: |stanzas| stanzas[0].args = vec!["v2".into()],
        ..Recipe::default()
    };
    vec![
        parse(
            "order_version_kind",
            "damaged",
            "the manifest has version 2; also, the reader expects a vault, but the file is a drill vault",
            "vault",
            |_| {},
            version(drill),
        ),
        parse(
            "order_version_words",
            "damaged",
            "the manifest has version 2, and alice types unknown words",
            "",
            alice_misreads,
            version(|_| {}),
        ),
        parse(
            "order_manifest_words",
            "damaged",
            "the label is empty, and alice types unknown words",
            "",
            alice_misreads,
            other,
        ),
        parse(
            "order_half_words",
            "damaged",
            "the token's half of bob is too short, and alice types unknown words",
            "",
            alice_misreads,
            half,
        ),
        parse(
            "order_length_words",
            "damaged",
            "a byte follows the payload, and alice types unknown words",
            "",
            alice_misreads,
            length,
        ),
        parse(
            "order_manifest_kind",
            "damaged",
            "the label is empty; also, the reader expects a vault, but the file is a drill vault",
            "vault",
            |_| {},
            with! { manifest: |m| { drill(m); m["label"] = "".into(); } },
        ),
        parse(
            "order_half_kind",
            "damaged",
            "a token's half is too short; also, the reader expects a vault, but the file is a drill vault",
            "vault",
            |_| {},
            with! { manifest: drill, halves: |_, inner| inner[0].body.truncate(31) },
        ),
        parse(
            "order_kind_words",
            "wrong kind",
            "the reader expects a drill vault, but the file is a vault; also, alice types unknown words",
            "drill",
            alice_misreads,
            Recipe::default(),
        ),
        parse(
            "order_kind_payload",
            "wrong kind",
            "a drill vault has a grant that is not empty, and the reader expects a vault",
            "vault",
            |_| {},
            with! { manifest: drill },
        ),
    ]
}

/// Vectors whose first fault is in a custodian's words, token or share.
fn of_custodians() -> Vec<First> {
    let at = |name, (expect, step, at_fault), comment, known, recipe| First {
        name,
        expect,
        step,
        at_fault,
        comment,
        wanted: "",
        known,
        recipe,
    };
    let words = ("unknown words", "words", "1");
    let share = ("damaged", "share", "1");
    let token = ("wrong token", "token", "1");
    let part_half = || with! { halves: |entry, inner| if first(entry) { inner[1].body[3] ^= 1; } };
    let token_half = || with! { halves: |entry, inner| if first(entry) { inner[0].body[3] ^= 1; } };
    let commitment = || with! { committed: |m| m["custodians"][0]["commitment"] = "0".repeat(64).into() };
    let payload = || with! { file: |f| { let at = f.len() - 1; f[at] ^= 1; } };
    vec![
        at(
            "order_words_half",
            words,
            "alice types unknown words, and her part's half was changed",
            alice_misreads,
            part_half(),
        ),
        at(
            "order_words_token",
            words,
            "alice types unknown words and uses an unknown token",
            |known| {
                alice_misreads(known);
                unknown_token(known);
            },
            Recipe::default(),
        ),
        at(
            "order_checksum_words",
            ("invalid words", "words", "1"),
            "the checksum of alice's words is wrong, and her part's half was changed",
            |known| known[0].words = "abandon ".repeat(11) + "abandon",
            part_half(),
        ),
        at(
            "order_half_token",
            share,
            "the part's half of alice was changed, and she uses an unknown token",
            unknown_token,
            part_half(),
        ),
        at(
            "order_token_half",
            token,
            "alice uses an unknown token, and her token's half was changed",
            unknown_token,
            token_half(),
        ),
        at(
            "order_token_commitment",
            token,
            "alice uses an unknown token, and her commitment was changed",
            unknown_token,
            commitment(),
        ),
        at(
            "order_commitment_next",
            share,
            "the commitment of alice was changed, and bob types unknown words; a reader must check alice's share before the reader asks bob",
            bob_misreads,
            commitment(),
        ),
        at(
            "order_words_payload",
            ("unknown words", "words", "2"),
            "bob types unknown words, and the payload was changed",
            bob_misreads,
            payload(),
        ),
        at(
            "order_commitment_payload",
            share,
            "the commitment of alice and the payload were both changed",
            |_| {},
            with! { committed: |m| m["custodians"][0]["commitment"] = "0".repeat(64).into(), file: |f| { let at = f.len() - 1; f[at] ^= 1; } },
        ),
    ]
}

pub(super) fn order() -> Vec<Entry> {
    let made = |First { name, expect, step, at_fault, comment, wanted, known, recipe }| Entry {
        at_fault,
        wanted,
        known,
        ..entry(expect, step, name, "", comment, recipe)
    };
    before_custodians().into_iter().chain(of_custodians()).map(made).collect()
}

/// Vectors in which a custodian types the words in an unusual form.
pub(super) fn words() -> Vec<Entry> {
    type Typed = fn(&mut [Custodian]);
    let good: [(&str, &str, Typed); 1] = [(
        "words_any_length",
        "the words are cut to five letters, in mixed case, and separated by tabs",
        |known| {
            let cut = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..word.len().min(5)]);
            known[0].words = known[0].words.split(' ').map(cut).collect::<Vec<_>>().join("\t");
        },
    )];
    let invalid: [(&str, &str, Typed); 5] = [
        ("words_thirteen", "alice types thirteen words", |known| known[0].words += " abandon"),
        ("words_unknown_word", "alice's first word is not in the word list", |known| {
            let (_, rest) = known[0].words.split_once(' ').unwrap();
            known[0].words = format!("xylophone {rest}");
        }),
        ("words_longer", "additional letters follow one of alice's words", |known| {
            known[0].words = known[0].words.replacen(' ', "x ", 1);
        }),
        (
            "words_not_ascii",
            "a word contains U+212A, a letter that is not ASCII; some programs treat this letter as a capital K",
            |known| {
                known[0].words = known[0].words.replacen('k', "\u{212a}", 1);
            },
        ),
        ("words_order", "alice types two of her words in the wrong order", |known| {
            let words: Vec<_> = known[0].words.split(' ').collect();
            known[0].words = [&[words[1], words[0]], &words[2..]].concat().join(" ");
        }),
    ];
    let read = |(name, comment, known)| Entry { known, ..success(name, comment, Recipe::default()) };
    let refused = |(name, comment, known)| Entry {
        known,
        at_fault: "1",
        // Alice's words are fixed, because the vector `words_not_ascii` replaces a letter k. The checksum of the words
        // is correct.
        ..entry(
            "invalid words",
            "words",
            name,
            "",
            comment,
            with! { people: |people| {
                people[0].words = format!("kangaroo {}about", "abandon ".repeat(10));
            } },
        )
    };
    good.into_iter().map(read).chain(invalid.into_iter().map(refused)).collect()
}
