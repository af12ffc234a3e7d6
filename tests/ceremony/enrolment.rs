//! Tests of `enrol`: the requirements for a custodian's token, the prompts, and the error for each refusal.

use rig::pty::{End, Person, Signal};
use rig::site::{ATTESTATION, Site};
use rig::token::{Authority, Cipher, Management, ManagementKey, PinPolicy, Spec, Token, Touch, TouchPolicy};

use crate::PROGRAM;

/// Returns a site with one custodian, alice. Her token has the properties in `spec` and is plugged in.
fn alice(spec: Spec) -> Site {
    let mut site = Site::new(PROGRAM, &["alice"]);
    site.custodians[0].pin.clone_from(&spec.pin);
    site.custodians[0].token = Token::new(spec);
    site.plug("alice");
    site
}

fn preset(serial: u32) -> Spec {
    Spec { pin: "pin-4711".into(), puk: "puk-4711".into(), ..Spec::new(serial) }
}

fn enrol(site: &Site, more: &[&str]) -> Person {
    let arguments = [&["enrol", "alice", "--out", "alice.custodian"], more].concat();
    Person::run(site.offline(&arguments))
}

fn sheet(person: &mut Person) -> Vec<String> {
    person.expect("press Enter");
    let words: Vec<_> = person
        .transcript()
        .lines()
        .filter_map(|line| {
            let (number, word) = line.trim().split_once(' ')?;
            number.parse::<u8>().ok().filter(|_| !word.contains(' '))?;
            Some(word.to_owned())
        })
        .collect();
    person.type_line("");
    words[words.len() - 12..].to_vec()
}

#[test]
fn a_factory_pin_and_puk_are_changed_during_enrolment() {
    for firmware in [(5, 4, 3), (5, 7, 2)] {
        let site = alice(Spec { firmware, ..Spec::new(20_000_001) });
        let mut person = enrol(&site, ATTESTATION);
        person.expect("new PIN for YubiKey 20000001");
        person.type_line("123456");
        person.expect("that is the factory PIN");
        person.expect("new PIN for YubiKey 20000001");
        person.type_line("pin-4711");
        person.expect("new PIN again");
        person.type_line("pin-4712");
        person.expect("the two entries differ");
        for prompt in ["new PIN for YubiKey", "new PIN again"] {
            person.expect(prompt);
            person.type_line("pin-4711");
        }
        person.expect("new PUK for YubiKey");
        person.type_line("pin-4711");
        person.expect("PIN and PUK must differ");
        for prompt in ["new PUK for YubiKey", "new PUK again"] {
            person.expect(prompt);
            person.type_line("puk-4711");
        }
        let words = sheet(&mut person);
        person.expect("alice: passphrase part (12 words): ");
        person.type_line(&words.join(" "));
        person.expect("alice: touch YubiKey 20000001 now");
        person.expect("fingerprint");
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        let token = &site.custodians[0].token;
        assert!(token.has_pin("pin-4711") && token.has_puk("puk-4711"));
        for slot in [0x82, 0x83] {
            assert_eq!(token.policies(slot), Some((PinPolicy::Once, TouchPolicy::Always)));
            assert!(token.certificate(slot).is_some(), "other programs should see that the slot is in use");
        }
    }
}

#[test]
fn the_words_of_the_sheet_are_typed_back_and_erased_from_the_screen() {
    let site = alice(preset(20_000_001));
    let mut person = enrol(&site, ATTESTATION);
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    assert!(!person.is_echoing());
    person.type_line("pin-4711");
    let words = sheet(&mut person);
    person.expect("passphrase part");
    person.type_line("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong");
    person.expect("not the words that were shown");
    assert_eq!(sheet(&mut person), words, "the same words should be shown again");
    person.expect("passphrase part");
    for word in &words {
        person.type_line(&word[..word.len().min(4)]);
    }
    person.expect("fingerprint");
    assert_eq!(person.wait(), End::Code(0));
    let raw = String::from_utf8_lossy(&person.raw_transcript()).into_owned();
    assert_eq!(raw.matches("\x1b[?1049h").count(), 2);
    assert!(raw.ends_with('\n') && raw.rfind("\x1b[?1049l") > raw.rfind(&format!("12 {}", words[11])));
}

#[test]
fn a_pin_protected_management_key_is_accepted_and_a_custom_management_key_is_refused() {
    let site = alice(Spec { management: Management::Protected, ..preset(20_000_001) });
    let mut person = enrol(&site, &["--no-attestation"]);
    person.expect("PIN of YubiKey");
    person.type_line("pin-4711");
    let words = sheet(&mut person);
    person.expect("passphrase part");
    person.type_line(&words.join(" "));
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("not attested"));

    let key = ManagementKey::random(Cipher::Aes192);
    let site = alice(Spec { management: Management::Custom(key), ..preset(20_000_001) });
    let mut person = enrol(&site, &["--no-attestation"]);
    person.expect("PIN of YubiKey");
    person.type_line("pin-4711");
    person.expect("custom management key");
    assert_eq!(person.wait(), End::Code(4));
    assert!(!site.custodians[0].token.is_occupied(0x82));
}

#[test]
fn occupied_slots_are_not_overwritten() {
    let site = alice(preset(20_000_001));
    let token = &site.custodians[0].token;
    let before = token.generate(0x82, PinPolicy::Never, TouchPolicy::Never);
    token.put_certificate(0x84, b"another certificate");
    let mut person = enrol(&site, ATTESTATION);
    person.expect("PIN of YubiKey");
    person.type_line("pin-4711");
    let words = sheet(&mut person);
    person.expect("passphrase part");
    person.type_line(&words.join(" "));
    person.expect("creating two keys in slots 83 and 85");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(token.public_key(0x82), Some(before));
    assert!(!token.is_occupied(0x84));
}

#[test]
fn a_token_without_attestation_is_refused_before_a_key_is_generated() {
    let site = alice(Spec { authority: Authority::Stranger, ..preset(20_000_001) });
    let mut person = enrol(&site, ATTESTATION);
    person.expect("PIN of YubiKey");
    person.type_line("pin-4711");
    person.expect("the issuer CN=a stranger's PIV root of the certificate");
    person.expect("is not among the certificates given");
    assert_eq!(person.wait(), End::Code(4));
    assert!(!site.custodians[0].token.is_occupied(0x82));
    assert!(!site.path("alice.custodian").exists());
}

#[test]
fn enrolment_with_a_root_that_is_not_yubicos_needs_an_option() {
    let site = alice(preset(20_000_001));
    let mut person = enrol(&site, &["--attestation-root", "root.pem"]);
    person.expect("PIN of YubiKey");
    person.type_line("pin-4711");
    person.expect("alice: YubiKey 20000001 is attested by a root that is not Yubico's");
    person.expect("--allow-other-attestation");
    assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
    assert!(!site.custodians[0].token.is_occupied(0x82));
    assert!(!site.path("alice.custodian").exists());
}

#[test]
fn enrolment_names_a_security_advisory_that_affects_the_firmware() {
    for (firmware, affected) in [((5, 4, 3), true), ((5, 7, 2), false)] {
        let site = alice(Spec { firmware, ..preset(20_000_001) });
        let mut person = enrol(&site, &["--no-attestation"]);
        person.expect("PIN of YubiKey");
        person.type_line("pin-4711");
        let words = sheet(&mut person);
        person.expect("passphrase part");
        person.type_line(&words.join(" "));
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        assert_eq!(person.transcript().contains("YSA-2024-03"), affected, "{}", person.transcript());
    }
}

#[test]
fn without_a_touch_no_file_is_written() {
    let site = alice(Spec { touch: Touch::Never, ..preset(20_000_001) });
    let mut person = enrol(&site, ATTESTATION);
    person.expect("PIN of YubiKey");
    person.type_line("pin-4711");
    let words = sheet(&mut person);
    person.expect("passphrase part");
    person.type_line(&words.join(" "));
    person.expect("was not touched in time");
    assert_eq!(person.wait(), End::Code(4), "{}", person.transcript());
    assert!(!site.path("alice.custodian").exists());
}

#[test]
fn invalid_arguments_are_refused_before_the_pin_is_asked() {
    let site = alice(preset(20_000_001));
    std::fs::write(site.path("there.custodian"), "precious").unwrap();
    let refusals: [(&[&str], &str); 5] = [
        (
            &["enrol", "alice", "--out", "there.custodian", "--no-attestation"],
            "exists; it is never overwritten",
        ),
        (&["enrol", "alice", "--out", "nowhere/a.custodian", "--no-attestation"], "cannot write nowhere"),
        (&["enrol", "al ice", "--out", "a.custodian", "--no-attestation"], "custodian's name"),
        (&["enrol", "alice", "--out", "a.custodian", "--attestation-root", "there.custodian"], "PEM"),
        (
            &["enrol", "alice", "--out", "a.custodian", "--attestation-root", "nowhere.pem"],
            "cannot read nowhere.pem",
        ),
    ];
    for (arguments, message) in refusals {
        let mut person = Person::run(site.offline(arguments));
        assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
        assert!(person.transcript().contains(message), "{}", person.transcript());
    }
    assert_eq!(std::fs::read_to_string(site.path("there.custodian")).unwrap(), "precious");
    assert_eq!(site.custodians[0].token.counters().verifications, 0);
}

#[test]
fn a_signal_at_a_prompt_restores_the_terminal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let site = alice(preset(20_000_001));
        let mut person = enrol(&site, &["--no-attestation"]);
        person.expect("PIN of YubiKey");
        person.send_signal(signal);
        assert_eq!(person.wait(), End::Code(128 + signal as i32), "{}", person.transcript());
        assert!(person.is_echoing());
    }
}
