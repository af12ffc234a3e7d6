//! Tests that the crate `yubikey`, which the program uses, accepts the virtual token as a YubiKey.

use p256::PublicKey;
use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
use p256::elliptic_curve::Generate;
use p256::pkcs8::DecodePublicKey;
use rig::pcscd::Pcscd;
use rig::token::{Cipher, Fault, Management, ManagementKey, Spec, Token, Touch};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use yubikey::mgm::{MgmAlgorithmId, MgmKey};
use yubikey::piv::{self, AlgorithmId, ManagementSlotId, Origin, RetiredSlotId, SlotId};
use yubikey::reader::Context;
use yubikey::{Error, PinPolicy, TouchPolicy, YubiKey};

const SLOT: SlotId = SlotId::Retired(RetiredSlotId::R1);
const MANAGEMENT: SlotId = SlotId::Management(ManagementSlotId::Management);
const PIN: &[u8] = b"123456";
const P256: AlgorithmId = AlgorithmId::EccP256;

/// Returns the shared daemon. All tests share one daemon, because the crate `yubikey` reads the daemon's address only
/// once in each process.
fn pcscd() -> &'static Pcscd {
    static PCSCD: OnceLock<Pcscd> = OnceLock::new();
    PCSCD.get_or_init(|| {
        let pcscd = Pcscd::start(16);
        // SAFETY: every test first calls this function and waits here, so no other thread reads the environment at this
        // time.
        unsafe { std::env::set_var("PCSCLITE_CSOCK_NAME", pcscd.socket()) };
        pcscd
    })
}

/// Creates a token and inserts it into a separate reader.
fn plug(spec: Spec) -> (Token, usize) {
    static SLOTS: AtomicUsize = AtomicUsize::new(0);
    let token = Token::new(spec);
    let slot = SLOTS.fetch_add(1, Ordering::Relaxed);
    pcscd().insert(slot, &token);
    (token, slot)
}

fn open(slot: usize) -> YubiKey {
    let mut context = Context::open().expect("pcscd should be running");
    let mut readers = context.iter().expect("pcscd should have readers");
    let reader =
        readers.find(|reader| reader.name() == pcscd().reader(slot)).expect("pcscd should have this reader");
    reader.open().expect("the reader should contain a YubiKey")
}

fn factory(serial: u32) -> (Token, YubiKey) {
    let (token, slot) = plug(Spec::new(serial));
    (token, open(slot))
}

/// Returns a token with a generated key whose PIN policy is `Once`.
fn with_key(spec: Spec, touch: TouchPolicy) -> (Token, usize, YubiKey, PublicKey) {
    let (token, slot) = plug(spec);
    let mut yubikey = open(slot);
    let key = MgmKey::get_default(&yubikey).expect("the token should have a default management key");
    yubikey.authenticate(&key).expect("the factory's management key should be accepted");
    let public = piv::generate(&mut yubikey, SLOT, P256, PinPolicy::Once, touch)
        .expect("the token should generate a key");
    let public =
        PublicKey::from_public_key_der(&der(&public)).expect("the generated key should be a P-256 key");
    (token, slot, yubikey, public)
}

fn der(value: &impl der::Encode) -> Vec<u8> {
    value.to_der().expect("the value should be encodable in DER")
}

#[test]
fn the_token_reports_its_serial_number_and_version() {
    for (serial, firmware) in [(30_000_001, (5, 4, 3)), (30_000_002, (5, 7, 2))] {
        let (token, slot) = plug(Spec { firmware, ..Spec::new(serial) });
        let mut yubikey = open(slot);
        assert_eq!(u32::from(yubikey.serial()), serial);
        let version = yubikey.version();
        assert_eq!((version.major, version.minor, version.patch), firmware);
        assert_eq!(yubikey.get_pin_retries(), Ok(3));
        assert_eq!(
            token.counters().selections,
            2,
            "the query for the tries left should select the applet again"
        );
    }
}

#[test]
fn a_generated_key_signs_and_agrees() {
    let (token, _, mut yubikey, public) = with_key(Spec::new(30_000_003), TouchPolicy::Always);
    assert_eq!(token.public_key(0x82), Some(public));
    assert_eq!(piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT), Err(Error::AuthenticationError));
    yubikey.verify_pin(PIN).expect("the PIN should be accepted");

    let signature = piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT).expect("the token should sign");
    let signature = Signature::from_der(&signature).expect("the signature should be in DER");
    VerifyingKey::from(public).verify_prehash(&[7; 32], &signature).expect("the signature should be valid");

    let peer = p256::SecretKey::generate();
    let point = peer.public_key().to_sec1_bytes();
    let shared =
        piv::decrypt_data(&mut yubikey, &point, P256, SLOT).expect("the token should agree on a secret");
    assert_eq!(&shared[..], &peer.diffie_hellman(&public).raw_secret_bytes()[..]);
    let counters = token.counters();
    assert_eq!((counters.signatures, counters.agreements, counters.touches_asked), (1, 1, 2));
}

#[test]
fn metadata_shows_a_keys_policies_and_factory_defaults() {
    let (token, _, mut yubikey, _) = with_key(Spec::new(30_000_004), TouchPolicy::Cached);
    let key = piv::metadata(&mut yubikey, SLOT).expect("the token should return the key's metadata");
    assert_eq!(key.policy, Some((PinPolicy::Once, TouchPolicy::Cached)));
    assert_eq!(key.origin, Some(Origin::Generated));
    let public = key.public.expect("the metadata should contain the public key");
    assert_eq!(token.public_key(0x82), PublicKey::from_public_key_der(&der(&public)).ok());

    let mut default = |slot| {
        piv::metadata(&mut yubikey, slot).expect("the token should return the slot's metadata").default
    };
    assert_eq!(default(MANAGEMENT), Some(true));
    assert_eq!(default(SlotId::Management(ManagementSlotId::Pin)), Some(true));
    token.set_pin("654321");
    assert_eq!(default(SlotId::Management(ManagementSlotId::Pin)), Some(false));
    let empty = piv::metadata(&mut yubikey, SlotId::Retired(RetiredSlotId::R2));
    assert_eq!(empty.map(|_| ()), Err(Error::NotFound));
}

#[test]
fn wrong_pins_are_counted_and_block_the_pin() {
    let (token, mut yubikey) = factory(30_000_005);
    for tries in [2, 1, 0, 0] {
        assert_eq!(yubikey.verify_pin(b"999999"), Err(Error::WrongPin { tries }));
        assert_eq!(token.pin_tries(), tries);
    }
    assert_eq!(yubikey.verify_pin(PIN), Err(Error::WrongPin { tries: 0 }));
    yubikey.unblock_pin(b"12345678", b"222222").expect("the PUK should be accepted");
    yubikey.verify_pin(b"222222").expect("the new PIN should be accepted");
    assert_eq!(token.counters().verifications, 6);
}

#[test]
fn pin_and_puk_are_changed() {
    let (token, mut yubikey) = factory(30_000_006);
    yubikey.change_pin(PIN, b"654321").expect("the old PIN should be accepted");
    assert!(token.has_pin("654321"));
    assert_eq!(yubikey.change_pin(PIN, b"111111"), Err(Error::WrongPin { tries: 2 }));
    yubikey.change_puk(b"12345678", b"87654321").expect("the old PUK should be accepted");
    assert!(token.has_puk("87654321"));
    assert_eq!(yubikey.change_puk(b"12345678", b"11111111"), Err(Error::WrongPin { tries: 2 }));
    assert_eq!((token.pin_tries(), token.puk_tries()), (2, 2));
}

#[test]
fn a_new_selection_of_the_applet_forgets_the_pin() {
    let (_token, slot, mut yubikey, _) = with_key(Spec::new(30_000_007), TouchPolicy::Never);
    yubikey.verify_pin(PIN).expect("the PIN should be accepted");
    assert!(open(slot).disconnect(pcsc::Disposition::LeaveCard).is_ok());
    assert_eq!(piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT), Err(Error::AuthenticationError));
}

#[test]
fn management_keys_of_every_kind_authenticate() {
    for (serial, firmware) in [(30_000_008, (5, 4, 3)), (30_000_009, (5, 7, 2))] {
        let (token, slot) = plug(Spec { firmware, ..Spec::new(serial) });
        let mut yubikey = open(slot);
        let default = MgmKey::get_default(&yubikey).expect("the token should have a default management key");
        yubikey.authenticate(&default).expect("the factory's key should be accepted");
        for (cipher, id, len) in [
            (Cipher::Aes128, MgmAlgorithmId::Aes128, 16),
            (Cipher::Aes192, MgmAlgorithmId::Aes192, 24),
            (Cipher::Aes256, MgmAlgorithmId::Aes256, 32),
            (Cipher::TripleDes, MgmAlgorithmId::ThreeDes, 24),
        ] {
            let bytes: Vec<u8> = (10..10 + len).collect();
            let key = MgmKey::from_bytes(&bytes, Some(id)).expect("the bytes should be a management key");
            key.set_manual(&mut yubikey, false).expect("the key should be set");
            assert_eq!(token.management_key(), ManagementKey { cipher, key: bytes });
            assert_eq!(yubikey.authenticate(&default), Err(Error::AuthenticationError));
            yubikey.authenticate(&key).expect("the key should be accepted");
        }
    }
}

#[test]
fn a_protected_management_key_can_be_read_with_the_pin() {
    for (serial, firmware) in [(30_000_010, (5, 4, 3)), (30_000_011, (5, 7, 2))] {
        let management = Management::Protected;
        let (token, slot) = plug(Spec { firmware, management, ..Spec::new(serial) });
        let mut yubikey = open(slot);
        assert!(MgmKey::get_protected(&mut yubikey).is_err());
        yubikey.verify_pin(PIN).expect("the PIN should be accepted");
        let key = MgmKey::get_protected(&mut yubikey).expect("the key should be readable with the PIN");
        assert_eq!(key.as_ref(), token.management_key().key);
        yubikey.authenticate(&key).expect("the key should be accepted");

        let fresh = MgmKey::from_bytes([9; 24], Some(key.algorithm_id()))
            .expect("the bytes should be a management key");
        fresh.set_protected(&mut yubikey).expect("the key should be set");
        let read = MgmKey::get_protected(&mut yubikey).expect("the key should be readable with the PIN");
        assert_eq!(read.as_ref(), [9; 24]);
        assert_eq!(token.management_key().key, [9; 24]);
    }
}

#[test]
fn nothing_is_generated_without_the_management_key() {
    let (token, mut yubikey) = factory(30_000_012);
    let refused = piv::generate(&mut yubikey, SLOT, P256, PinPolicy::Once, TouchPolicy::Always);
    assert_eq!(refused.map(|_| ()), Err(Error::AuthenticationError));
    assert!(!token.is_occupied(0x82));
    let key = MgmKey::get_default(&yubikey).expect("the token should have a default management key");
    yubikey.authenticate(&key).expect("the factory's management key should be accepted");
    let refused =
        piv::generate(&mut yubikey, SLOT, AlgorithmId::EccP384, PinPolicy::Once, TouchPolicy::Always);
    assert_eq!(refused.map(|_| ()), Err(Error::AlgorithmError));
}

#[test]
fn pin_policy_always_requires_the_pin_each_time() {
    let (_token, slot) = plug(Spec::new(30_000_013));
    let mut yubikey = open(slot);
    let key = MgmKey::get_default(&yubikey).expect("the token should have a default management key");
    yubikey.authenticate(&key).expect("the factory's management key should be accepted");
    piv::generate(&mut yubikey, SLOT, P256, PinPolicy::Always, TouchPolicy::Always)
        .expect("the token should generate a key");
    for _ in 0..2 {
        yubikey.verify_pin(PIN).expect("the PIN should be accepted");
        piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT).expect("the token should sign");
        assert_eq!(piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT), Err(Error::AuthenticationError));
    }
}

#[test]
fn an_attestation_is_a_certificate_with_yubicos_extensions() {
    let (token, _, mut yubikey, _) = with_key(Spec::new(30_000_014), TouchPolicy::Always);
    let attested = piv::attest(&mut yubikey, SLOT).expect("the token should attest the key");
    let certificate =
        yubikey::Certificate::from_bytes(attested.clone()).expect("the attestation should be a certificate");
    assert!(certificate.subject().contains("YubiKey PIV Attestation 82"), "{}", certificate.subject());
    let certificate: Vec<u8> = attested.to_vec();
    for extension in [
        &b"\x82\xc4\x0a\x03\x03\x04\x03\x05\x04\x03"[..],
        b"\x82\xc4\x0a\x03\x07\x04\x06\x02\x04\x01\xc9\xc3\x8e",
        b"\x82\xc4\x0a\x03\x08\x04\x02\x02\x02",
        b"\x82\xc4\x0a\x03\x09\x04\x01\x01",
    ] {
        assert!(certificate.windows(extension.len()).any(|w| w == extension), "{extension:02x?}");
    }
    assert!(token.certificate(0xf9).is_some());
}

#[test]
fn a_token_without_a_touch_refuses_and_after_a_touch_it_signs() {
    let spec =
        Spec { touch: Touch::Never, touch_timeout: Duration::from_millis(200), ..Spec::new(30_000_015) };
    let (token, _, mut yubikey, _) = with_key(spec, TouchPolicy::Always);
    yubikey.verify_pin(PIN).expect("the PIN should be accepted");
    let began = Instant::now();
    assert_eq!(piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT), Err(Error::AuthenticationError));
    assert!(began.elapsed() >= Duration::from_millis(200));

    token.set_touch_timeout(Duration::from_secs(10));
    let hand = token.clone();
    let person = std::thread::spawn(move || {
        assert!(hand.wait_blinking(Duration::from_secs(5)), "the token should blink");
        hand.touch();
    });
    piv::sign_data(&mut yubikey, &[7; 32], P256, SLOT).expect("the token should sign after a touch");
    person.join().expect("the person's thread should not panic");
    assert_eq!(token.counters().signatures, 1);
}

#[test]
fn each_injected_fault_happens_once() {
    let (token, slot, mut yubikey, public) = with_key(Spec::new(30_000_016), TouchPolicy::Never);
    let peer = p256::SecretKey::generate();
    let point = peer.public_key().to_sec1_bytes();
    let right = peer.diffie_hellman(&public).raw_secret_bytes().to_vec();
    yubikey.verify_pin(PIN).expect("the PIN should be accepted");

    token.inject(Fault::WrongResult);
    let wrong = piv::decrypt_data(&mut yubikey, &point, P256, SLOT).expect("the token should answer");
    assert_ne!(wrong[..], right[..]);
    token.inject(Fault::Garbage);
    assert!(piv::decrypt_data(&mut yubikey, &point, P256, SLOT).is_err());
    token.inject(Fault::UnplugAtUse(2));
    let result = piv::decrypt_data(&mut yubikey, &point, P256, SLOT).expect("the token should answer");
    assert_eq!(result[..], right[..]);
    assert!(piv::decrypt_data(&mut yubikey, &point, P256, SLOT).is_err());
    pcscd().wait_removed(slot);
    assert!(!token.is_plugged());

    pcscd().insert(slot, &token);
    let mut yubikey = open(slot);
    yubikey.verify_pin(PIN).expect("the PIN should be accepted");
    piv::decrypt_data(&mut yubikey, &point, P256, SLOT).expect("the token should work again");
}
