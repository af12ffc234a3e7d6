//! Tests that the program refuses a damaged vault before anything is enabled.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use breakglass::vault::file::Vault;
use breakglass::vault::manifest::TokenKeys;
use rig::pty::End;

use crate::two_of_two;

const PLACES: usize = 64;

/// Returns the serial number and the keys of each token in the manifest.
fn token_keys(vault: &Vault) -> Vec<(u32, TokenKeys)> {
    let tokens = vault.manifest.custodians.iter().flat_map(|custodian| &custodian.tokens);
    tokens.map(|token| (token.serial, token.keys.clone())).collect()
}

/// Returns the expected exit status: 4 (wrong token) if the damage changed a token's slot or serial number, otherwise
/// 6. The test damages bytes at fixed fractions of the file's length. The length is random, so only some runs damage a
/// slot or a serial number.
fn expected_status(sound: &[u8], damaged: &[u8]) -> End {
    let sound = Vault::parse(sound).unwrap();
    let other_keys = Vault::parse(damaged).is_ok_and(|vault| token_keys(&vault) != token_keys(&sound));
    End::Code(if other_keys { 4 } else { 6 })
}

#[test]
fn a_vault_changed_in_any_of_64_places_is_refused_before_anything_is_enabled() {
    let vault = two_of_two("damaged").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let whole = std::fs::read(site.path("prod.age")).unwrap();
    let mut asked = 0;
    for place in 0..PLACES {
        let mut damaged = whole.clone();
        // The damaged bytes are spread evenly over the file, and include the first byte and the last byte.
        let at = place * (whole.len() - 1) / (PLACES - 1);
        damaged[at] ^= 1;
        std::fs::write(site.path("prod.age"), &damaged).unwrap();
        let mut person = vault.open("5m").reason("x").run(&["true"]).start();
        let end = site.answer_all(&mut person);
        assert_eq!(end, expected_status(&whole, &damaged), "byte {at}: {}", person.transcript());
        asked += usize::from(person.transcript().contains("passphrase part"));
        assert!(person.transcript().contains("next: "), "byte {at}: {}", person.transcript());
    }
    assert!(asked > 0, "some damage should be found only when a share is opened");
    assert!(account.actions().is_empty() && account.rest().at_rest());
}

/// Returns the vault with a changed manifest of the same length.
fn with_manifest(vault: &[u8], change: impl Fn(String) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(vault);
    let start = text.find(" v1\n").unwrap() + " v1\n".len();
    let end = start + text[start..].find("\n->").unwrap();
    let body = BASE64_STANDARD_NO_PAD.decode(text[start..end].replace('\n', "")).unwrap();
    let changed = BASE64_STANDARD_NO_PAD.encode(change(String::from_utf8(body).unwrap()));
    let mut characters = changed.bytes();
    let mut out = vault.to_vec();
    for byte in out[start..end].iter_mut().filter(|byte| **byte != b'\n') {
        *byte = characters.next().unwrap();
    }
    assert!(characters.next().is_none());
    out
}

#[test]
fn a_manifest_that_names_an_empty_signing_slot_uses_no_pin_try_and_no_touch() {
    let vault = two_of_two("empty-slot").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let whole = std::fs::read(site.path("prod.age")).unwrap();
    let slot = |to: &str| format!("\"signing_slot\":\"{to}\"");
    let damaged = with_manifest(&whole, |manifest| manifest.replacen(&slot("83"), &slot("93"), 1));
    assert_eq!(expected_status(&whole, &damaged), End::Code(4));
    std::fs::write(site.path("prod.age"), damaged).unwrap();
    let alice = &site.custodian("alice").token;
    let before = alice.counters();
    let mut person = vault.open("5m").reason("x").run(&["true"]).start();
    assert_eq!(site.answer_all(&mut person), End::Code(4), "{}", person.transcript());
    let said = "its signing key is not the one that was enrolled";
    assert!(person.transcript().contains(said), "{}", person.transcript());
    let after = alice.counters();
    assert_eq!((after.verifications, after.touches_asked), (before.verifications, before.touches_asked));
    assert!(account.actions().is_empty() && account.rest().at_rest());
}
