//! age's X25519 recipient (C2SP age.md). If a custodian's token is a challenge-response token, the token's half of the
//! share is wrapped to such a recipient.

use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_encode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

use super::hpke::SealedHalf;
use super::quorum::KEY;
use super::xwing;
use crate::secret::Secret;

/// The stanza's type.
pub const TAG: &str = "X25519";

const INFO: &[u8] = b"age-encryption.org/v1/X25519";
const HRP: bech32::Hrp = bech32::Hrp::parse_unchecked("age");

/// An encrypted half of a share.
#[derive(Debug)]
pub struct X25519Stanza {
    /// The ephemeral public key.
    pub ephemeral: [u8; 32],
    /// The encrypted half.
    pub sealed: SealedHalf,
}

/// Reads a recipient `age1…` in its only accepted form. Returns `None` if the coordinate is not reduced, or if the
/// point is of small order.
pub fn parse_recipient(text: &str) -> Option<[u8; 32]> {
    let (hrp, bytes) = bech32::decode(text).ok()?;
    let point: [u8; 32] = bytes.try_into().ok()?;
    (hrp == HRP && xwing::is_sound(&point) && recipient(&point) == text).then_some(point)
}

/// Encodes a public key as `age1…`.
pub fn recipient(point: &[u8; 32]) -> String {
    bech32_encode(HRP, point)
}

/// Returns the public key of a private key.
pub fn public_key(private: &Secret<32>) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*private.expose())).to_bytes()
}

/// Wraps a half of a share.
///
/// # Panics
/// Panics if the recipient does not parse. The check of the manifest refuses such a recipient.
pub fn wrap(recipient: &str, half: &Secret<KEY>) -> Stanza {
    let recipient: age::x25519::Recipient =
        recipient.parse().expect("this recipient was parsed when the manifest was checked");
    let key = FileKey::init_with_mut(|key| key.copy_from_slice(half.expose()));
    let (stanzas, _) =
        age::Recipient::wrap_file_key(&recipient, &key).expect("wrapping to a checked recipient cannot fail");
    stanzas.into_iter().next().expect("an X25519 recipient writes one stanza")
}

impl X25519Stanza {
    /// Reads a stanza. The stanza must have exactly one argument, in canonical base64. The argument and the body must
    /// have their exact lengths.
    pub fn parse(stanza: &Stanza) -> Option<Self> {
        let [ephemeral] = stanza.args.as_slice() else { return None };
        let ephemeral = BASE64_STANDARD_NO_PAD.decode(ephemeral).ok()?.try_into().ok()?;
        let sealed = stanza.body.as_slice().try_into().ok()?;
        (stanza.tag == TAG).then_some(Self { ephemeral, sealed })
    }

    /// Decrypts the half. Returns `None` if the half was wrapped to another key, or if the result of X25519 is zero
    /// (RFC 7748 section 6.1).
    ///
    /// # Panics
    /// Never panics: HKDF can output 32 bytes.
    pub fn open(&self, private: &Secret<32>) -> Option<Secret<KEY>> {
        let secret = StaticSecret::from(*private.expose());
        let shared = secret.diffie_hellman(&self.ephemeral.into());
        if !shared.was_contributory() {
            return None;
        }
        let salt = [self.ephemeral, PublicKey::from(&secret).to_bytes()].concat();
        let hkdf = Hkdf::<Sha256>::new(Some(&salt), shared.as_bytes());
        let key = Secret::<32>::with(|out| hkdf.expand(INFO, out).expect("HKDF can output 32 bytes"));
        let mut half = Secret::<KEY>::with(|half| half.copy_from_slice(&self.sealed[..KEY]));
        ChaCha20Poly1305::new(key.expose().into())
            .decrypt_in_place_detached(&[0; 12].into(), b"", half.expose_mut(), self.sealed[KEY..].into())
            .ok()?;
        Some(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_wrapped_by_age_opens_and_a_changed_half_does_not() {
        let private = Secret::random();
        let text = recipient(&public_key(&private));
        assert!(parse_recipient(&text).is_some());
        let half = Secret::<KEY>::random();
        let stanza = wrap(&text, &half);
        let mut wrapped = X25519Stanza::parse(&stanza).expect("the stanza should be valid");
        assert_eq!(
            wrapped.open(&private).expect("the private key should decrypt the half").expose(),
            half.expose()
        );
        assert!(wrapped.open(&Secret::random()).is_none());
        wrapped.sealed[3] ^= 1;
        assert!(wrapped.open(&private).is_none());
    }

    #[test]
    fn a_recipient_has_only_one_accepted_form() {
        let text = recipient(&public_key(&Secret::random()));
        for wrong in
            [text.to_uppercase(), format!("{text}q"), text.replacen("age1", "age2", 1), String::new()]
        {
            assert!(parse_recipient(&wrong).is_none(), "{wrong}");
        }
        for point in [
            [0; 32],
            {
                let mut one = [0; 32];
                one[0] = 1;
                one
            },
            [0xff; 32],
        ] {
            assert!(parse_recipient(&recipient(&point)).is_none());
        }
    }
}
