//! age's hybrid recipient `mlkem768x25519` (C2SP age.md). A share has two halves. The half that a custodian's part
//! decrypts is wrapped to such a recipient.
//!
//! An age header must not combine a stanza of this type with stanzas that are not post-quantum. The age library
//! enforces this rule with a label on the recipients. In a vault, the stanza is not in the age header but in the body
//! of a share stanza, so the recipient needs no label.

use std::fmt;

use age_core::format::Stanza;
use age_core::primitives::{bech32_decode, bech32_encode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::hpke::{SealedHalf, Suite};
use super::quorum::KEY;
use super::xwing::{self, ENC, PUBLIC, PublicKey, SEED};
use crate::secret::Secret;

/// The stanza's type.
pub const TAG: &str = "mlkem768x25519";

const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const HRP: &str = "age1pq";

/// A public key in age's form, `age1pq1…`.
pub struct Recipient(PublicKey);

impl Recipient {
    /// Reads a recipient in its only accepted form: a valid key as Bech32 in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; PUBLIC];
        let decoded = bech32_decode(
            text,
            |_| (),
            |hrp| (hrp.as_str() == HRP).then_some(()).ok_or(()),
            |_, data| {
                if data.len() != PUBLIC {
                    return Err(());
                }
                bytes.iter_mut().zip(data).for_each(|(byte, read)| *byte = read);
                Ok(())
            },
        );
        let recipient = Self(decoded.ok().and_then(|()| PublicKey::parse(&bytes))?);
        // A recipient has only one accepted form. The decoder alone would also accept capital letters, and a last
        // character whose unused bits are not zero.
        (recipient.to_string() == text).then_some(recipient)
    }

    /// Wraps a half of a share.
    pub fn wrap(&self, half: &Secret<KEY>) -> Stanza {
        let (enc, shared) = self.0.encapsulate();
        let sealed = Suite::XWing.seal(&shared, INFO, half);
        Stanza { tag: TAG.into(), args: vec![BASE64_STANDARD_NO_PAD.encode(enc)], body: sealed.to_vec() }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32_encode(bech32::Hrp::parse_unchecked(HRP), &self.0.to_bytes()))
    }
}

/// The private key that is derived from a part. The key is a seed of X-Wing.
#[derive(Debug)]
pub struct PartIdentity(Secret<SEED>);

impl PartIdentity {
    /// Returns the identity that has this seed.
    pub fn new(seed: Secret<SEED>) -> Self {
        Self(seed)
    }

    /// Returns the seed. The age tool writes a seed as `AGE-SECRET-KEY-PQ-1…`.
    pub fn seed(&self) -> &Secret<SEED> {
        &self.0
    }

    /// Returns the public key.
    pub fn to_public(&self) -> Recipient {
        Recipient(PublicKey::of(&self.0))
    }

    /// Decrypts a half of a share. Returns `None` if the half was changed, or was wrapped to another identity.
    pub fn unwrap(&self, wrapped: &Wrapped) -> Option<Secret<KEY>> {
        let shared = xwing::decapsulate(&self.0, &wrapped.enc)?;
        Suite::XWing.open(&shared, INFO, &wrapped.sealed)
    }
}

/// An encrypted half of a share.
#[derive(Debug)]
pub struct Wrapped {
    /// The ciphertext of X-Wing. The owner of the private key computes the shared secret from this ciphertext.
    pub enc: Box<[u8; ENC]>,
    /// The encrypted half.
    pub sealed: SealedHalf,
}

impl Wrapped {
    /// Reads a stanza. The stanza must have exactly one argument, in canonical base64. The argument and the body must
    /// have their exact lengths.
    pub fn parse(stanza: &Stanza) -> Option<Self> {
        let [enc] = stanza.args.as_slice() else { return None };
        let enc = BASE64_STANDARD_NO_PAD.decode(enc).ok()?.into_boxed_slice().try_into().ok()?;
        let sealed = stanza.body.as_slice().try_into().ok()?;
        (stanza.tag == TAG).then_some(Self { enc, sealed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_recipient_equals_the_example_of_the_age_specification() {
        // The seed, in hex, is the seed of the example `AGE-SECRET-KEY-PQ-1XX76…` in C2SP age.md. The long recipient
        // of this seed is compared by its SHA-256.
        let seed = "31bda90fbf9fccdde5cfc0ed5a0378c5ea67ea193d7938b03b8c5dabb9a67de3";
        let identity = PartIdentity::new(Secret::with(|out| hex::decode_to_slice(seed, out).unwrap()));
        let text = identity.to_public().to_string();
        let digest = "a091dd7e0ee9d62b75173dcc98441a0424baa941e66a8776e570a4ae60ff61ea";
        assert_eq!((text.len(), hex::encode(Sha256::digest(&text)).as_str()), (1959, digest));
        assert_eq!(Recipient::parse(&text).unwrap().to_string(), text);
        assert!(Recipient::parse(&text.to_uppercase()).is_none());
        assert!(Recipient::parse(&text[..1958]).is_none());
    }

    #[test]
    fn a_half_opens_only_for_its_identity_and_only_if_unchanged() {
        let (identity, half) = (PartIdentity::new(Secret::random()), Secret::random());
        let stanza = identity.to_public().wrap(&half);
        let mut wrapped = Wrapped::parse(&stanza).unwrap();
        assert_eq!(identity.unwrap(&wrapped).unwrap().expose(), half.expose());
        assert!(PartIdentity::new(Secret::random()).unwrap(&wrapped).is_none());
        for bit in 0..8 {
            // The first two positions are in the ML-KEM ciphertext, and the last two are in the X25519 key.
            for at in [0, 1087, 1088, 1100] {
                wrapped.enc[at] ^= 1 << bit;
                assert!(identity.unwrap(&wrapped).is_none(), "{at}");
                wrapped.enc[at] ^= 1 << bit;
            }
            for at in [0, 31] {
                wrapped.sealed[at] ^= 1 << bit;
                assert!(identity.unwrap(&wrapped).is_none(), "{at}");
                wrapped.sealed[at] ^= 1 << bit;
            }
        }
        assert!(identity.unwrap(&wrapped).is_some());
    }

    #[test]
    fn a_stanza_has_only_one_accepted_form() {
        let wrap = || PartIdentity::new(Secret::random()).to_public().wrap(&Secret::random());
        assert!(Wrapped::parse(&wrap()).is_some());
        let changes: [fn(&mut Stanza); 7] = [
            |s| s.tag = s.tag.to_uppercase(),
            |s| s.args.push("x".into()),
            |s| s.args.clear(),
            |s| s.args[0].truncate(1492),
            |s| s.args[0].push_str("=="),
            // The lowest four bits of the last character are unused. The character `B` sets one of these bits.
            |s| s.args[0].replace_range(1493.., "B"),
            |s| s.body.truncate(31),
        ];
        for (place, change) in changes.iter().enumerate() {
            let mut stanza = wrap();
            change(&mut stanza);
            assert!(Wrapped::parse(&stanza).is_none(), "{place}");
        }
    }
}
