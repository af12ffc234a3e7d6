//! HPKE in base mode, with one message per shared secret (RFC 9180). The shared secret is an argument of the
//! functions, because a token or X-Wing computes it.
//!
//! The KDF is HKDF-SHA256 (0x0001) and the AEAD is `ChaCha20Poly1305` (0x0003). There is no associated data. The
//! sequence number is 0.

use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use hkdf::{Hkdf, HkdfExtract};
use sha2::Sha256;

use crate::secret::Secret;

/// An encrypted half of a share: 16 bytes of ciphertext and 16 bytes of tag.
pub type SealedHalf = [u8; 32];

/// A P-256 point, uncompressed (SEC 1 section 2.3.3).
pub type Point = [u8; 65];

const P256_KEM: &[u8] = b"KEM\x00\x10";

/// The algorithms of a message. The identifiers of the algorithms are an input of the key schedule.
#[derive(Clone, Copy)]
pub enum Suite {
    /// KEM 0x0010: DHKEM(P-256, HKDF-SHA256).
    P256,
    /// KEM 0x647a: MLKEM768-X25519, which is also called X-Wing (draft-ietf-hpke-pq-03).
    XWing,
}

impl Suite {
    /// Returns `suite_id` (RFC 9180 section 5.1).
    fn id(self) -> &'static [u8] {
        match self {
            Self::P256 => b"HPKE\x00\x10\x00\x01\x00\x03",
            Self::XWing => b"HPKE\x64\x7a\x00\x01\x00\x03",
        }
    }

    /// Encrypts `half` under the KEM's shared secret. The shared secret must be new for each call.
    ///
    /// # Panics
    /// Never panics: `ChaCha20Poly1305` can encrypt 16 bytes.
    pub fn seal(self, shared: &Secret<32>, info: &[u8], half: &Secret<16>) -> SealedHalf {
        let (key, nonce) = schedule(self.id(), shared, info);
        let mut text = Secret::<16>::copy_of(half.expose());
        let tag = ChaCha20Poly1305::new(key.expose().into())
            .encrypt_in_place_detached(nonce.expose().into(), b"", text.expose_mut())
            .expect("ChaCha20Poly1305 can encrypt 16 bytes");
        let mut sealed = [0; 32];
        sealed[..16].copy_from_slice(text.expose());
        sealed[16..].copy_from_slice(&tag);
        sealed
    }

    /// Decrypts `sealed` under the KEM's shared secret. Returns `None` if `sealed` was changed or was encrypted under
    /// another secret.
    pub fn open(self, shared: &Secret<32>, info: &[u8], sealed: &SealedHalf) -> Option<Secret<16>> {
        let (key, nonce) = schedule(self.id(), shared, info);
        let mut half = Secret::<16>::with(|half| half.copy_from_slice(&sealed[..16]));
        let tag = &sealed[16..];
        ChaCha20Poly1305::new(key.expose().into())
            .decrypt_in_place_detached(nonce.expose().into(), b"", half.expose_mut(), tag.into())
            .ok()?;
        Some(half)
    }
}

/// Decrypts `sealed`. `ecdh` is the result of ECDH with the token's private key and the public key `enc` (RFC 9180
/// section 4.1, `Decap`).
///
/// Returns `None` if `sealed` was changed or was encrypted to another key.
pub fn open(
    ecdh: &Secret<32>,
    enc: &Point,
    recipient: &Point,
    info: &[u8],
    sealed: &SealedHalf,
) -> Option<Secret<16>> {
    let eae = extract(P256_KEM, b"", b"eae_prk", ecdh.expose());
    let shared = expand(&eae, P256_KEM, b"shared_secret", &[enc, recipient]);
    Suite::P256.open(&shared, info, sealed)
}

/// Returns the key and the base nonce. The function is `KeySchedule` (RFC 9180 section 5.1) in base mode.
fn schedule(suite: &[u8], shared: &Secret<32>, info: &[u8]) -> (Secret<32>, Secret<12>) {
    let psk_id_hash = extract(suite, b"", b"psk_id_hash", b"");
    let info_hash = extract(suite, b"", b"info_hash", info);
    let context: [&[u8]; 3] = [&[0], psk_id_hash.expose(), info_hash.expose()];
    let secret = extract(suite, shared.expose(), b"secret", b"");
    (expand(&secret, suite, b"key", &context), expand(&secret, suite, b"base_nonce", &context))
}

/// `LabeledExtract` (RFC 9180 section 4).
fn extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> Secret<32> {
    let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
    for piece in [b"HPKE-v1", suite, label, ikm] {
        extract.input_ikm(piece);
    }
    let (prk, _) = extract.finalize();
    Secret::with(|out| out.copy_from_slice(&prk))
}

/// `LabeledExpand` (RFC 9180 section 4) with an output of `N` bytes.
fn expand<const N: usize>(prk: &Secret<32>, suite: &[u8], label: &[u8], info: &[&[u8]]) -> Secret<N> {
    let hkdf =
        Hkdf::<Sha256>::from_prk(prk.expose()).expect("the key should have 32 bytes, the length of SHA-256");
    let length = u16::try_from(N).expect("the output is at most 32 bytes").to_be_bytes();
    let mut pieces: Vec<&[u8]> = vec![&length, b"HPKE-v1", suite, label];
    pieces.extend_from_slice(info);
    Secret::with(|out| hkdf.expand_multi_info(&pieces, out).expect("HKDF can output `N` bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::Recipient as _;
    use age_core::format::FileKey;
    use p256::elliptic_curve::sec1::ToSec1Point as _;

    use crate::vault::share;

    /// Computes in software the ECDH that a token computes.
    fn ecdh(secret: &p256::SecretKey, enc: &Point) -> Secret<32> {
        let public = p256::PublicKey::from_sec1_bytes(enc).unwrap();
        let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
        Secret::with(|out| out.copy_from_slice(shared.raw_secret_bytes()))
    }

    fn keypair() -> (p256::SecretKey, Point, String) {
        let secret = p256::SecretKey::from_slice(Secret::<32>::random().expose()).unwrap();
        let point = secret.public_key().to_sec1_point(false).as_bytes().try_into().unwrap();
        let compressed = secret.public_key().to_sec1_point(true).as_bytes().try_into().unwrap();
        (secret, point, share::tag_recipient(&compressed))
    }

    #[test]
    fn a_stanza_wrapped_by_age_opens_with_the_ecdh_alone() {
        use base64::Engine as _;
        let (secret, point, recipient) = keypair();
        let recipient: age::tag::Recipient = recipient.parse().unwrap();
        let (stanzas, _) = recipient.wrap_file_key(&FileKey::new(Box::new(*b"sixteen bytes ok"))).unwrap();
        let enc = base64::prelude::BASE64_STANDARD_NO_PAD.decode(&stanzas[0].args[1]).unwrap();
        let enc: Point = enc.try_into().unwrap();
        let sealed: [u8; 32] = stanzas[0].body.as_slice().try_into().unwrap();
        let info = share::P256TAG.as_bytes();
        let half = open(&ecdh(&secret, &enc), &enc, &point, info, &sealed).unwrap();
        assert_eq!(half.expose(), b"sixteen bytes ok");
        for wrong in 0..32 {
            let mut other = sealed;
            other[wrong] ^= 1;
            assert!(open(&ecdh(&secret, &enc), &enc, &point, info, &other).is_none());
        }
        assert!(open(&ecdh(&secret, &enc), &enc, &point, b"another use", &sealed).is_none());
        assert!(open(&ecdh(&keypair().0, &enc), &enc, &point, info, &sealed).is_none());
    }
}
