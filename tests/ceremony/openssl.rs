//! Runs the shell commands in the section "With openssl" of `vault-format.md`. The commands must accept exactly the
//! enrolments that the program accepts.

use std::process::Command;

use breakglass::custody::enrolment::Enrolment;
use breakglass::vault::share;

use crate::soft::certificate;
use crate::soft::vector::{self, Vector};

/// Returns the shell blocks in the section "With openssl" of the specification.
fn recipes() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vault-format.md")).unwrap();
    let section = page.split("### With openssl").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs the recipes on an enrolment file. Returns the output of the recipes, as `Ok` if every command succeeds,
/// otherwise as `Err`.
fn run(file: &[u8]) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("alice.custodian"), file).unwrap();
    let script = format!("set -e\n{}", recipes().concat());
    let done = Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let also = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() { Ok(said) } else { Err(said + &also) }
}

#[test]
#[cfg_attr(feature = "cloud", ignore = "the test takes a minute; the tests of the offline build run it")]
fn the_openssl_recipe_judges_every_attestation_as_the_program_does() {
    let mut judged = 0;
    for name in certificate::names().into_iter().filter(|name| name.starts_with("attestation_")) {
        let text = std::fs::read_to_string(vector::directory().join(format!("{name}.txt"))).unwrap();
        let vector = Vector::parse(&text);
        let verdict = run(&vector.file);
        if name == "attestation_other_key" {
            // The recipe does not compare the keys, but prints them so that a person can compare them.
            assert!(!has_own_keys(&vector.file, &verdict.unwrap()), "{name}");
        } else if vector.verdict.expect == "success" {
            assert!(has_own_keys(&vector.file, &verdict.unwrap()), "{name}");
        } else {
            let said = verdict.expect_err(name);
            assert!(said.contains("refused: "), "{name}: {said}");
        }
        judged += 1;
    }
    assert!(judged > 40, "more than 40 enrolments should be checked, not {judged}");
}

/// Returns whether the recipe printed the keys that are in the enrolment.
fn has_own_keys(file: &[u8], said: &str) -> bool {
    use base64::Engine as _;
    let envelope: serde_json::Value = serde_json::from_slice(file).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let payload = base64::prelude::BASE64_STANDARD.decode(payload).unwrap();
    let enrolment: Enrolment = serde_json::from_slice(&payload).unwrap();
    let token = &enrolment.token;
    let decryption = share::compressed(&token.recipient)
        .and_then(|point| breakglass::custody::enrolment::spki(&point))
        .map(|key| base64::prelude::BASE64_STANDARD.encode(key))
        .unwrap();
    said.contains(&format!("decryption {decryption}\n"))
        && said.contains(&format!("signing {}\n", token.signing_key))
}
