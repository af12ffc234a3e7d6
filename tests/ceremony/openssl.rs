//! Runs the shell commands in the section "With openssl" of `vault-format.md`. The commands must accept exactly the
//! enrolments that the program accepts.

use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::enrolment::{Enrolment, TYPE};
use breakglass::custody::token::{Slot, Token as _};
use breakglass::vault::dsse::Envelope;
use breakglass::vault::share;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::soft::forge::jcs;
use crate::soft::vector::{self, Vector};
use crate::soft::{SoftToken, certificate};

/// Returns the shell blocks in the section "With openssl" of the specification.
fn recipes() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vault-format.md")).unwrap();
    let section = page.split("### With openssl").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs the recipes on an enrolment file. Returns the output of the recipes: `Ok` if every command succeeds, otherwise
/// `Err`.
fn run(file: &[u8]) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("alice.custodian"), file).unwrap();
    let script = format!("set -e\n{}", recipes().concat());
    let done = Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let also = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() { Ok(said) } else { Err(said + &also) }
}

/// The vectors that the recipe accepts although a reader must refuse them. A person finds the fault of such a vector by
/// comparing the printed digests and keys with `token.attestation`, `recipient` and `signing_key`.
const FOR_A_PERSON: [&str; 4] = [
    "attestation_other_key",
    "enrolment_attests_other_signing_key",
    "enrolment_claims_yubico",
    "enrolment_denies_attestation",
];

#[test]
#[cfg_attr(feature = "cloud", ignore = "the test takes a minute; the tests of the offline build run it")]
fn the_openssl_recipe_judges_every_attestation_as_the_program_does() {
    let (mut accepted, mut refused, mut for_a_person) = (0, 0, Vec::new());
    for name in certificate::names() {
        let text = std::fs::read_to_string(vector::directory().join(format!("{name}.txt"))).unwrap();
        let vector = Vector::parse(&text);
        if !is_about_an_attestation(&vector) {
            continue;
        }
        match run(&vector.file) {
            Ok(said) if FOR_A_PERSON.contains(&name) => {
                assert!(said.contains("\nroot "), "{name}: {said}");
                let is_about_keys = name.contains("other_key") || name.contains("other_signing_key");
                assert_ne!(has_own_keys(&vector.file, &said), is_about_keys, "{name}");
                for_a_person.push(name);
            }
            Ok(said) => {
                assert_eq!(vector.verdict.expect, "success", "{name}: {said}");
                assert!(has_own_keys(&vector.file, &said), "{name}");
                accepted += 1;
            }
            Err(said) => {
                assert_eq!(vector.verdict.expect, "invalid", "{name}: {said}");
                assert!(said.contains("refused: "), "{name}: {said}");
                refused += 1;
            }
        }
    }
    for_a_person.sort_unstable();
    assert_eq!(for_a_person, FOR_A_PERSON);
    assert!(accepted >= 15 && refused >= 70, "{accepted} accepted, {refused} refused");
    println!(
        "openssl: {accepted} attestations accepted, {refused} refused, {} for a person",
        for_a_person.len()
    );
}

/// Returns whether a vector has certificates and at most a fault in its attestation. To find out, the function removes
/// the attestation and signs the enrolment with another key. If the new enrolment is valid, only the attestation can
/// have a fault.
fn is_about_an_attestation(vector: &Vector) -> bool {
    let Some(line) = vector.file.strip_suffix(b"\n") else { return false };
    let Ok(mut envelope) = serde_json::from_slice::<Value>(line) else { return false };
    let decoded = |text: &Value| BASE64_STANDARD.decode(text.as_str().unwrap_or("?")).ok();
    let Some(payload) = decoded(&envelope["payload"]) else { return false };
    let Ok(mut enrolment) = serde_json::from_slice::<Value>(&payload) else { return false };
    let fields: Vec<_> =
        enrolment["attestation"].as_object().into_iter().flat_map(|fields| fields.keys()).collect();
    if jcs(&envelope) != line || jcs(&enrolment) != payload || fields != ["chain", "decryption", "signing"] {
        return false;
    }
    let Ok(signed) = serde_json::from_value::<Envelope>(envelope.clone()) else { return false };
    if !enrolment["token"]["signing_key"].as_str().is_some_and(|key| signed.is_signed_by(key)) {
        return false;
    }
    let mut token = SoftToken::new(1);
    enrolment["attestation"] = Value::Null;
    enrolment["token"]["attestation"] = "none".into();
    enrolment["token"]["signing_key"] = token.entry().signing_key.into();
    let payload = jcs(&enrolment);
    let pae = [format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), payload.len()).as_bytes(), &payload].concat();
    let signature = token.sign(Slot::parse("83").unwrap(), &Sha256::digest(&pae).into()).unwrap();
    envelope["payload"] = BASE64_STANDARD.encode(&payload).into();
    envelope["signatures"][0]["sig"] = BASE64_STANDARD.encode(signature).into();
    let file = [jcs(&envelope), b"\n".to_vec()].concat();
    enrolment["token"]["kind"] == "piv" && Enrolment::parse("the file", &file).is_ok()
}

/// Returns whether the recipe printed the keys of the enrolment.
fn has_own_keys(file: &[u8], said: &str) -> bool {
    let envelope: Value = serde_json::from_slice(file).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let payload = BASE64_STANDARD.decode(payload).unwrap();
    let enrolment: Enrolment = serde_json::from_slice(&payload).unwrap();
    let token = &enrolment.token;
    let decryption = share::compressed(&token.recipient)
        .and_then(|point| breakglass::custody::enrolment::spki(&point))
        .map(|key| BASE64_STANDARD.encode(key))
        .unwrap();
    said.contains(&format!("decryption {decryption}\n"))
        && said.contains(&format!("signing {}\n", token.signing_key))
}
