//! The keys of a challenge-response token. This file computes the bytes that are sent to the token's HMAC-SHA1 slot,
//! and derives the keys from the token's answers.
//!
//! A token has two independent challenges: one gives the decryption key, the other gives the signing key. The answer
//! to one challenge does not reveal the other key. Both challenges are bound to the enrolment: if the same token is
//! enrolled again, different bytes are sent to the token.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256, Sha512};

use crate::secret::Secret;

/// The length of an HMAC-SHA1 answer in bytes.
pub const ANSWER: usize = 20;

const LABEL: &[u8] = b"breakglass/challenge v1";
const DECRYPTION: &[u8] = b"breakglass/challenge x25519 v1";
const SIGNING: &[u8] = b"breakglass/challenge p256 v1";

/// Returns the 64 bytes that are sent to the token for a challenge.
pub fn to_send(enrolment: &[u8; 16], challenge: &[u8; 32]) -> [u8; 64] {
    Sha512::new().chain_update(LABEL).chain_update(enrolment).chain_update(challenge).finalize().into()
}

/// Derives the X25519 private key from the answer to the decryption challenge.
///
/// # Panics
/// Never panics: HKDF can output 32 bytes.
pub fn decryption_key(enrolment: &[u8; 16], answer: &Secret<ANSWER>) -> Secret<32> {
    let hkdf = Hkdf::<Sha256>::new(Some(enrolment), answer.expose());
    Secret::with(|out| hkdf.expand(DECRYPTION, out).expect("HKDF can output 32 bytes"))
}

/// Derives the P-256 private key from the answer to the signing challenge. Not every value of 32 bytes is a private
/// key, so the function tries candidates in turn, following RFC 9180 section 7.1.3.
///
/// # Panics
/// Never panics in practice: the probability that none of the 256 candidates is a private key is below 2^-8000.
pub fn signing_key(enrolment: &[u8; 16], answer: &Secret<ANSWER>) -> p256::SecretKey {
    let hkdf = Hkdf::<Sha256>::new(Some(enrolment), answer.expose());
    let candidate = |counter: u8| {
        Secret::<32>::with(|out| {
            hkdf.expand_multi_info(&[SIGNING, &[counter]], out).expect("HKDF can output 32 bytes");
        })
    };
    (0..=u8::MAX)
        .find_map(|counter| p256::SecretKey::from_slice(candidate(counter).expose()).ok())
        .expect("one of the 256 candidates should be a private key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_depend_on_the_enrolment_and_the_answer() {
        let (one, other) = ([1; 16], [2; 16]);
        let answer = Secret::<ANSWER>::copy_of(&[3; ANSWER]);
        let changed = Secret::<ANSWER>::copy_of(&[4; ANSWER]);
        assert_ne!(to_send(&one, &[5; 32]), to_send(&other, &[5; 32]));
        assert_ne!(to_send(&one, &[5; 32]), to_send(&one, &[6; 32]));
        let decryption = decryption_key(&one, &answer);
        assert_ne!(decryption.expose(), decryption_key(&other, &answer).expose());
        assert_ne!(decryption.expose(), decryption_key(&one, &changed).expose());
        let signing = signing_key(&one, &answer).to_bytes();
        assert_ne!(signing, signing_key(&other, &answer).to_bytes());
        assert_ne!(signing[..], decryption.expose()[..]);
    }
}
