//! X-Wing, the KEM of ML-KEM-768 and X25519 (draft-connolly-cfrg-xwing-kem-06; in HPKE, MLKEM768-X25519).
//!
//! Crates provide ML-KEM, X25519 and SHA-3. This file has the rest: the expansion of the seed, the combiner, and the
//! checks of a public key.

use ml_kem::array::Array;
use ml_kem::kem::Decapsulate as _;
use ml_kem::{EncapsulateDeterministic as _, EncodedSizeUser as _, KemCore, MlKem768};
use sha3::digest::{ExtendableOutput as _, Update as _, XofReader as _};
use sha3::{Digest as _, Sha3_256, Shake256};
use x25519_dalek::StaticSecret;
use zeroize::Zeroize as _;

use crate::secret::Secret;

/// The length of a seed in bytes. The seed is the private key.
pub const SEED: usize = 32;

/// The length of a public key in bytes: 1,184 of ML-KEM-768 and 32 of X25519.
pub const PUBLIC: usize = ML_KEM_PUBLIC + 32;

/// The length of an encapsulation in bytes: 1,088 of ML-KEM-768 and 32 of X25519.
pub const ENC: usize = ML_KEM_CIPHERTEXT + 32;

const ML_KEM_PUBLIC: usize = 1184;
const ML_KEM_CIPHERTEXT: usize = 1088;

/// `XWingLabel`, the last input of the combiner's hash.
const LABEL: &[u8] = br"\.//^\";

type DecapsulationKey = <MlKem768 as KemCore>::DecapsulationKey;
type EncapsulationKey = <MlKem768 as KemCore>::EncapsulationKey;

/// A public key that is safe to encapsulate to.
pub struct PublicKey {
    ml_kem: EncapsulationKey,
    x25519: [u8; 32],
}

impl PublicKey {
    /// Reads a public key. Returns `None` if a coefficient of the ML-KEM key is not below q (FIPS 203 section 7.2,
    /// modulus check), if the X25519 coordinate is not reduced, or if its point is of small order.
    pub fn parse(bytes: &[u8; PUBLIC]) -> Option<Self> {
        let (ml_kem, x25519) = bytes.split_at(ML_KEM_PUBLIC);
        let encoded = Array::try_from(ml_kem).ok()?;
        let ml_kem = EncapsulationKey::from_bytes(&encoded);
        let x25519 = x25519.try_into().ok()?;
        // The crate reduces the coefficients that it decodes. If a coefficient is not below q, the encoded key
        // therefore differs from the input.
        (ml_kem.as_bytes() == encoded && is_sound(&x25519)).then_some(Self { ml_kem, x25519 })
    }

    /// Returns the public key of a seed (`GenerateKeyPairDerand` in the draft).
    pub fn of(seed: &Secret<SEED>) -> Self {
        let (ml_kem, x25519) = expand(seed);
        Self {
            ml_kem: ml_kem.encapsulation_key().clone(),
            x25519: x25519_dalek::PublicKey::from(&x25519).to_bytes(),
        }
    }

    /// Encodes the public key.
    pub fn to_bytes(&self) -> [u8; PUBLIC] {
        let mut bytes = [0; PUBLIC];
        bytes[..ML_KEM_PUBLIC].copy_from_slice(&self.ml_kem.as_bytes());
        bytes[ML_KEM_PUBLIC..].copy_from_slice(&self.x25519);
        bytes
    }

    /// Creates a new shared secret. Also returns the encapsulation, from which the owner of this key can compute the
    /// shared secret.
    pub fn encapsulate(&self) -> ([u8; ENC], Secret<32>) {
        self.encapsulate_with(&Secret::random())
    }

    /// `EncapsulateDerand` in the draft. The caller must not pass the same randomness twice.
    fn encapsulate_with(&self, randomness: &Secret<64>) -> ([u8; ENC], Secret<32>) {
        let (of_ml_kem, of_x25519) = randomness.expose().split_at(32);
        let message = of_ml_kem.try_into().expect("the first half has 32 bytes");
        let (ciphertext, mut shared_m) =
            self.ml_kem.encapsulate_deterministic(message).expect("ML-KEM encapsulation cannot fail");
        let ephemeral = scalar(of_x25519);
        let public = x25519_dalek::PublicKey::from(&ephemeral).to_bytes();
        let shared_x = ephemeral.diffie_hellman(&self.x25519.into());
        let shared = combine(&shared_m, shared_x.as_bytes(), &public, &self.x25519);
        shared_m.as_mut_slice().zeroize();
        let mut enc = [0; ENC];
        enc[..ML_KEM_CIPHERTEXT].copy_from_slice(&ciphertext);
        enc[ML_KEM_CIPHERTEXT..].copy_from_slice(&public);
        (enc, shared)
    }
}

/// Computes the shared secret from an encapsulation. If the encapsulation was changed, the result is a different
/// secret, not an error.
///
/// Returns `None` if the result of X25519 is zero (RFC 7748 section 6.1). An honest sender cannot cause this result.
pub fn decapsulate(seed: &Secret<SEED>, enc: &[u8; ENC]) -> Option<Secret<32>> {
    let (ml_kem, x25519) = expand(seed);
    let (ciphertext, ephemeral) = enc.split_at(ML_KEM_CIPHERTEXT);
    let ephemeral: [u8; 32] = ephemeral.try_into().ok()?;
    let shared_x = x25519.diffie_hellman(&ephemeral.into());
    if !shared_x.was_contributory() {
        return None;
    }
    let mut shared_m = ml_kem.decapsulate(ciphertext.try_into().ok()?).ok()?;
    let public = x25519_dalek::PublicKey::from(&x25519);
    let shared = combine(&shared_m, shared_x.as_bytes(), &ephemeral, public.as_bytes());
    shared_m.as_mut_slice().zeroize();
    Some(shared)
}

/// Derives both private keys from a seed (`expandDecapsulationKey` in the draft).
fn expand(seed: &Secret<SEED>) -> (DecapsulationKey, StaticSecret) {
    let mut shake = Shake256::default();
    shake.update(seed.expose());
    let expanded = Secret::<96>::with(|out| shake.finalize_xof().read(out));
    let part = |from: usize| {
        expanded.expose()[from..].first_chunk::<32>().expect("the expanded seed has three parts of 32 bytes")
    };
    let (ml_kem, _) = MlKem768::generate_deterministic(part(0).into(), part(32).into());
    (ml_kem, scalar(part(64)))
}

/// Makes an X25519 private key from its bytes. The temporary copy of the bytes is wiped.
fn scalar(bytes: &[u8]) -> StaticSecret {
    let mut array = zeroize::Zeroizing::new([0; 32]);
    array.copy_from_slice(bytes);
    StaticSecret::from(*array)
}

/// Computes the shared secret (`Combiner` in the draft): SHA3-256 over both shared secrets, the X25519 ciphertext and
/// public key, and the label.
fn combine(shared_m: &[u8], shared_x: &[u8; 32], enc: &[u8; 32], public: &[u8; 32]) -> Secret<32> {
    let mut hash = Sha3_256::new();
    for piece in [shared_m, shared_x, enc, public, LABEL] {
        sha3::digest::Update::update(&mut hash, piece);
    }
    Secret::with(|out| hash.finalize_into(out.into()))
}

/// Returns whether a coordinate is reduced (RFC 7748 section 5) and its point is not of small order (section 6.1).
/// With a point of small order, the shared secret is zero for every private key.
pub fn is_sound(point: &[u8; 32]) -> bool {
    const ORDER_8: [&str; 2] = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    let mut limit = [0xff; 32];
    (limit[0], limit[31]) = (0xec, 0x7f);
    let below = point.iter().rev().lt(limit.iter().rev());
    let zero_or_one = point[0] <= 1 && point[1..] == [0; 31];
    below && !zero_or_one && !ORDER_8.contains(&hex::encode(point).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha256;

    fn secret<const N: usize>(hex: &str) -> Secret<N> {
        Secret::with(|out| hex::decode_to_slice(hex, out).unwrap())
    }

    fn public() -> [u8; PUBLIC] {
        PublicKey::of(&Secret::random()).to_bytes()
    }

    #[test]
    fn the_results_equal_the_first_vector_of_the_draft() {
        // draft-connolly-cfrg-xwing-kem-06, appendix C. The long values are compared by their SHA-256.
        let seed = secret("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
        let randomness = secret(
            "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
             35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
        );
        let shared = "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384";
        let public = PublicKey::of(&seed);
        assert_eq!(
            hex::encode(Sha256::digest(public.to_bytes())),
            "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb"
        );
        let (enc, sent) = PublicKey::parse(&public.to_bytes()).unwrap().encapsulate_with(&randomness);
        assert_eq!(
            hex::encode(Sha256::digest(enc)),
            "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33"
        );
        assert_eq!(hex::encode(sent.expose()), shared);
        assert_eq!(hex::encode(decapsulate(&seed, &enc).unwrap().expose()), shared);
    }

    #[test]
    fn a_public_key_with_a_coefficient_of_q_is_refused() {
        assert!(PublicKey::parse(&public()).is_some());
        // Two coefficients of 12 bits each are encoded in three bytes, with the lowest bits first.
        let first = |coefficient: u16| {
            let mut key = public();
            key[0] = coefficient.to_le_bytes()[0];
            key[1] = key[1] & 0xf0 | coefficient.to_le_bytes()[1];
            PublicKey::parse(&key)
        };
        // The last coefficient is directly before the 32 bytes of rho.
        let last = |coefficient: u16| {
            let mut key = public();
            let [low, high] = (coefficient << 4).to_le_bytes();
            key[1150] = key[1150] & 0x0f | low;
            key[1151] = high;
            PublicKey::parse(&key)
        };
        for wrong in [3329, 3330, 4095] {
            assert!(first(wrong).is_none() && last(wrong).is_none(), "{wrong}");
        }
        assert!(first(3328).is_some() && last(3328).is_some(), "q - 1");
    }

    #[test]
    fn points_of_small_order_are_refused_in_public_keys_and_encapsulations() {
        let (seed, of) = (Secret::random(), |point: &[u8; 32]| {
            let mut bytes = public();
            bytes[ML_KEM_PUBLIC..].copy_from_slice(point);
            PublicKey::parse(&bytes)
        });
        let mut point = [0; 32];
        point[0] = 9;
        assert!(of(&point).is_some());
        let mut small: Vec<[u8; 32]> = Vec::new();
        for first in [0, 1] {
            point[0] = first;
            small.push(point);
        }
        // The coordinates p - 1, p and p + 1 are also of small order.
        for low in [0xec, 0xed, 0xee] {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (low, 0x7f);
            small.push(point);
        }
        for order_8 in [
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            small.push(hex::decode(order_8).unwrap().try_into().unwrap());
        }
        let (mut enc, _) = PublicKey::of(&seed).encapsulate();
        assert!(decapsulate(&seed, &enc).is_some());
        for point in small {
            assert!(of(&point).is_none(), "{}", hex::encode(point));
            enc[ML_KEM_CIPHERTEXT..].copy_from_slice(&point);
            assert!(decapsulate(&seed, &enc).is_none(), "{}", hex::encode(point));
        }
        // The highest bit of this coordinate is set. X25519 itself ignores that bit.
        (point[0], point[31]) = (9, 0x80);
        assert!(of(&point).is_none());
    }
}
