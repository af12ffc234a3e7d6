//! Checks that the library reads each file in `tests/vectors` with the expected result.
//!
//! `BREAKGLASS_WRITE_VECTORS=1 cargo test --test ceremony vectors::` writes the missing vectors with new random keys.
//! Then `BREAKGLASS_WRITE_VECTORS=1 cargo test --test ceremony example::` updates the example in `vault-format.md`.

use crate::soft::forge::{self, Recipe};
use crate::soft::recipes::{self, Entry};
use crate::soft::vector::{self, Custodian, Vector, Verdict};
use crate::soft::{Person, certificate, figure, people, statement};

use age_core::format::Stanza;
use breakglass::secret::Secret;
use breakglass::vault::file::{MAX_HEADER, Vault};
use breakglass::vault::manifest::MAX_BYTES;
use breakglass::vault::payload;
use breakglass::vault::quorum::Share;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

#[test]
fn every_vector_has_its_expected_result() {
    if std::env::var_os("BREAKGLASS_WRITE_VECTORS").is_some() {
        write();
    }
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for entry in
        std::fs::read_dir(vector::directory()).expect("the directory of the vectors should be readable")
    {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let vector = Vector::parse(&std::fs::read_to_string(&path).unwrap());
        let Verdict { expect, step, at_fault, message } = vector.judge();
        let named = &vector.verdict;
        if (&expect, &step, &at_fault) != (&named.expect, &named.step, &named.at_fault)
            || !message.contains(&named.message)
        {
            wrong.push(format!(
                "{name}: the result is `{expect} {step} {at_fault}: {message}`; the vector expects `{} {} {}: {}`",
                named.expect, named.step, named.at_fault, named.message
            ));
        }
        found.push(name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut expected: Vec<_> = recipes::all()
        .iter()
        .map(|entry| entry.name)
        .chain(certificate::names())
        .chain(statement::names())
        .collect();
    found.sort();
    expected.sort_unstable();
    assert_eq!(
        found, expected,
        "each recipe should have one vector file, and each vector file should have a recipe"
    );
    figure(&format!("{} vectors of the format have their expected result", found.len()));
}

#[test]
fn a_header_is_at_most_512_kib_long() {
    let grease = |stanzas: &mut Vec<Stanza>| {
        stanzas.push(Stanza { tag: "x-grease".into(), args: vec!["a".into()], body: Vec::new() });
    };
    let file = Recipe { stanzas: grease, ..Recipe::default() }.make(&people(2, 1)).file;
    let end = |needle: &[u8]| {
        file.windows(needle.len())
            .position(|window| window == needle)
            .expect("the text should be in the file")
            + needle.len()
    };
    let (argument, header) = (end(b"-grease "), end(b"\n--- ") + 44);
    // The MAC does not match the lengthened header, but parsing does not check the MAC.
    let parse = |length: usize| {
        let mut longer = file.clone();
        longer.splice(argument..argument, std::iter::repeat_n(b'a', length - header));
        Vault::parse(&longer)
    };
    assert!(parse(MAX_HEADER).is_ok());
    assert!(parse(MAX_HEADER + 1).is_err());
}

/// Adds targets to a manifest until the manifest is `over` bytes longer than `MAX_BYTES`.
fn fill(manifest: &mut Value, over: usize) {
    let mut one = manifest["targets"][0].clone();
    one["regions"] = (0..32).map(|n| Value::from(format!("{n:02}-{}", "r".repeat(29)))).collect();
    let named = |n| {
        let mut target = one.clone();
        target["name"] = format!("t{n:03}").into();
        target
    };
    manifest["targets"] = (0..160).map(named).collect();
    // The manifest does not yet contain the two commitments, so their length is added here.
    let length = |manifest: &Value| forge::jcs(manifest).len() + 2 * r#""commitment":"","#.len() + 128;
    let mut place = 0;
    while length(manifest) < MAX_BYTES + over {
        let missing = MAX_BYTES + over - length(manifest);
        let user = "u".repeat(64.min(9 + missing));
        manifest["targets"][place]["user"] = user.into();
        place += 1;
    }
    assert_eq!(length(manifest), MAX_BYTES + over);
}

#[test]
fn a_manifest_is_at_most_256_kib_long() {
    let file = |more: fn(&mut Value)| {
        let recipe = Recipe { manifest: more, ..Recipe::default() };
        recipe.make(&people(2, 1)).file
    };
    assert!(Vault::parse(&file(|manifest| fill(manifest, 0))).is_ok());
    let error = Vault::parse(&file(|manifest| fill(manifest, 1)))
        .err()
        .expect("a file above the limit should be refused");
    assert!(error.what.contains("longer than 262144 bytes"), "{error}");
}

#[test]
fn a_payload_is_at_most_512_kib_long() {
    let made = |sealed: fn(&mut Value)| Recipe { sealed, ..Recipe::default() }.make(&people(2, 1));
    let largest = made(|sealed| recipes::filler(sealed, payload::MAX_BYTES));
    let vault = Vault::parse(&largest.file).expect("a file at the limit should be accepted");
    let shares = [0, 1]
        .map(|place| Share { index: place + 1, value: Secret::copy_of(&largest.shares[usize::from(place)]) });
    assert!(vault.open(&[&shares[0], &shares[1]]).is_ok());
    let larger = made(|sealed| recipes::filler(sealed, payload::MAX_BYTES + 1));
    let error = Vault::parse(&larger.file).err().expect("a file above the limit should be refused");
    assert!(error.what.contains("cut short, or something was appended"), "{error}");
}

fn write() {
    let directory = vector::directory();
    std::fs::create_dir_all(&directory).unwrap();
    let vaults = recipes::all().into_iter().map(|entry| (entry.name, vault(&entry)));
    let write = |name: &str, vector: &Vector| {
        let path = directory.join(format!("{name}.txt"));
        if !path.exists() {
            std::fs::write(path, vector.to_text()).unwrap();
        }
    };
    vaults.chain(certificate::enrolments()).for_each(|(name, vector)| write(name, &vector));
    // The statements are signed with keys in the vectors of their vaults.
    for (name, vector) in statement::statements() {
        write(name, &vector);
    }
}

fn vault(entry: &Entry) -> Vector {
    let mut people = people(entry.recipe.custodians, entry.recipe.tokens);
    (entry.recipe.people)(&mut people);
    let made = entry.recipe.make(&people);
    let opens = entry.expect == "success";
    let known = |((person, share), index): ((&Person, &[u8; 16]), u8)| Custodian {
        index,
        name: person.name.clone(),
        words: person.words.clone(),
        tokens: person
            .tokens
            .iter()
            .map(|t| (t.serial, hex::encode(t.decryption.to_bytes())))
            .chain(person.challenge_tokens.iter().map(|t| (t.serial, hex::encode(t.secret))))
            .collect(),
        signing: person
            .tokens
            .iter()
            .filter(|_| entry.name.starts_with("statement_"))
            .map(|t| (t.serial, hex::encode(t.signing.to_bytes())))
            .collect(),
        share: if opens { hex::encode(share) } else { String::new() },
    };
    let mut custodians: Vec<_> = people.iter().zip(&made.shares).zip(1..).map(known).collect();
    (entry.known)(&mut custodians);
    // The vector lists the shares of a quorum. If the vault opens or fails at the step `open`, the vector lists one
    // more share, if there is one. If the vault opens, the shares are in reverse order.
    let more = usize::from(opens || entry.step == "open");
    let count = people.len().min(usize::from(entry.recipe.threshold) + more);
    let mut shares_from: Vec<u8> = (1..).take(count).collect();
    if opens {
        shares_from.reverse();
    }
    Vector {
        verdict: Verdict {
            expect: entry.expect.into(),
            step: entry.step.into(),
            at_fault: entry.at_fault.into(),
            message: entry.message.into(),
        },
        comment: entry.comment.into(),
        wanted: entry.wanted.into(),
        custodians,
        shares_from,
        key: if opens { hex::encode(made.key) } else { String::new() },
        payload: if opens { hex::encode(Sha256::digest(&made.plain)) } else { String::new() },
        form: if made.armored { "armored" } else { "binary" }.into(),
        compressed: if entry.compressed { "zlib" } else { "" }.into(),
        file: made.file,
        ..Vector::default()
    }
}
