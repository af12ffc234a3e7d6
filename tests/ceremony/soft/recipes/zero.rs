//! Vaults with a half whose ephemeral X25519 key is zero or has bit 255 set. With a zero key, the result of X25519 is
//! zero, and the half is correctly sealed under this zero result. Only a reader that checks for a zero result of X25519
//! can detect a half that was sealed in this way.

use age_core::primitives::bech32_decode;
use breakglass::secret::Secret;
use breakglass::vault::hpke::Suite;
use ml_kem::array::Array;
use ml_kem::{EncapsulateDeterministic as _, EncodedSizeUser as _, KemCore, MlKem768};
use sha3::{Digest as _, Sha3_256};

use super::custodians::challenge;
use super::*;

/// Returns the X25519 key of alice's challenge-response token.
fn x25519_key(entry: &Value) -> Vec<u8> {
    let recipient = entry["tokens"][1]["recipient"].as_str().unwrap();
    bech32_decode(recipient, |_| (), |_| Ok(()), |_, bytes| Ok(bytes.collect())).unwrap()
}

/// Seals the token's half with an ephemeral share of zero. For every key, the result of X25519 is then zero.
fn token_half(entry: &Value, half: &[u8; 16], stanza: &mut Stanza) {
    stanza.args = vec![BASE64_STANDARD_NO_PAD.encode([0; 32])];
    stanza.body = forge::x25519_body(&[0; 32], &[&[0; 32], &x25519_key(entry)[..]].concat(), half);
}

/// Seals the part's half with the given ephemeral X25519 key and the given X25519 result. The ML-KEM encapsulation is
/// valid.
fn part_half(entry: &Value, half: &[u8; 16], ephemeral: &[u8; 32], shared: &[u8; 32], stanza: &mut Stanza) {
    let key = forge::part_key(&entry["part"]);
    let (of_ml_kem, of_x25519) = key.split_at(1184);
    let encoded = Array::try_from(of_ml_kem).unwrap();
    let ml_kem = <MlKem768 as KemCore>::EncapsulationKey::from_bytes(&encoded);
    let message = super::super::random::<32>();
    let (ciphertext, of_ml_kem) = ml_kem.encapsulate_deterministic(&message.into()).unwrap();
    let mut hash = Sha3_256::new();
    for piece in [&of_ml_kem[..], shared, ephemeral, of_x25519, br"\.//^\"] {
        hash.update(piece);
    }
    let shared = Secret::copy_of(&hash.finalize().into());
    stanza.args = vec![BASE64_STANDARD_NO_PAD.encode([&ciphertext[..], ephemeral].concat())];
    let info = b"age-encryption.org/mlkem768x25519";
    stanza.body = Suite::XWing.seal(&shared, info, &Secret::copy_of(half)).to_vec();
}

pub(super) fn zero() -> Vec<Entry> {
    let entries = fails! { "share":
        ("challenge_half_zero", "the share of alice does not match",
            "the ephemeral share is zero, and the half is sealed under an all-zero X25519 result; a reader can detect this only with a check for zero", with! {
            people: challenge, resealed: |entry, [a, _], inner| if first(entry) { token_half(entry, a, &mut inner[1]); } }),
        ("part_half_zero", "the share of alice does not match",
            "the encapsulation's X25519 key is zero, and the half is sealed under an all-zero X25519 result; a reader can detect this only with a check for zero", with! {
            resealed: |entry, [_, b], inner| if first(entry) { part_half(entry, b, &[0; 32], &[0; 32], &mut inner[1]); } }),
    };
    entries.into_iter().map(|entry| Entry { at_fault: "1", ..entry }).collect()
}

/// Seals the token's half with an ephemeral share whose bit 255 is set. X25519 ignores the bit, but the salt includes
/// the bit.
fn token_half_with_bit_255(entry: &Value, half: &[u8; 16], stanza: &mut Stanza) {
    let key: [u8; 32] = x25519_key(entry).try_into().unwrap();
    let ephemeral = x25519_dalek::StaticSecret::from(super::super::random::<32>());
    let public = with_bit_255(&ephemeral);
    let shared = ephemeral.diffie_hellman(&key.into());
    stanza.args = vec![BASE64_STANDARD_NO_PAD.encode(public)];
    stanza.body = forge::x25519_body(shared.as_bytes(), &[public, key].concat(), half);
}

fn with_bit_255(ephemeral: &x25519_dalek::StaticSecret) -> [u8; 32] {
    let mut public = x25519_dalek::PublicKey::from(ephemeral).to_bytes();
    public[31] |= 0x80;
    public
}

/// Vaults with a half whose ephemeral X25519 key has bit 255 set. A reader must accept vaults with bit 255 set.
pub(super) fn bit_255() -> Vec<Entry> {
    vec![
        success(
            "challenge_half_bit_255",
            "bit 255 of the ephemeral share is set; X25519 ignores the bit, but the salt includes it",
            with! {
            people: challenge, resealed: |entry, [a, _], inner| if first(entry) { token_half_with_bit_255(entry, a, &mut inner[1]); } },
        ),
        success(
            "part_half_bit_255",
            "bit 255 of the encapsulation's X25519 key is set; X25519 ignores the bit, but the hash includes it",
            with! {
            resealed: |entry, [_, b], inner| if first(entry) {
                let key: [u8; 32] = forge::part_key(&entry["part"])[1184..].try_into().unwrap();
                let ephemeral = x25519_dalek::StaticSecret::from(super::super::random::<32>());
                let shared = ephemeral.diffie_hellman(&key.into());
                part_half(entry, b, &with_bit_255(&ephemeral), shared.as_bytes(), &mut inner[1]);
            } },
        ),
    ]
}
