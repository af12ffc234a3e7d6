//! A key in a slot, and what must happen before it is used.

use p256::elliptic_curve::Generate;
use p256::{PublicKey, SecretKey};

/// The signature slot, whose PIN policy is Always unless the key says otherwise.
const SIGNATURE: u8 = 0x9c;
/// The card authentication slot, whose PIN policy is Never unless the key says otherwise.
const CARD_AUTHENTICATION: u8 = 0x9e;
/// The slot of the key that attests to the others.
pub(crate) const ATTESTATION: u8 = 0xf9;

/// When a key wants the PIN, under its identifier in generation, metadata and attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinPolicy {
    /// Not at all.
    Never = 1,
    /// Once after the applet was selected.
    Once = 2,
    /// Right before every use.
    Always = 3,
}

/// When a key wants a touch, under its identifier in generation, metadata and attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchPolicy {
    /// Not at all.
    Never = 1,
    /// At every use.
    Always = 2,
    /// At a use more than 15 seconds after the last touch.
    Cached = 3,
}

impl PinPolicy {
    /// The policy a client asked for; zero or nothing asks for the slot's own.
    pub(crate) fn asked(id: Option<u8>, slot: u8) -> Option<Self> {
        match id.unwrap_or(0) {
            0 => Some(match slot {
                SIGNATURE => Self::Always,
                CARD_AUTHENTICATION => Self::Never,
                _ => Self::Once,
            }),
            1 => Some(Self::Never),
            2 => Some(Self::Once),
            3 => Some(Self::Always),
            _ => None,
        }
    }
}

impl TouchPolicy {
    /// The policy a client asked for; zero or nothing asks for none.
    pub(crate) fn asked(id: Option<u8>) -> Option<Self> {
        match id.unwrap_or(0) {
            0 | 1 => Some(Self::Never),
            2 => Some(Self::Always),
            3 => Some(Self::Cached),
            _ => None,
        }
    }
}

/// Where a key came from, under its identifier in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Generated = 1,
    Imported = 2,
}

/// A P-256 key in a slot.
#[derive(Clone)]
pub(crate) struct Key {
    pub secret: SecretKey,
    pub origin: Origin,
    pub pin: PinPolicy,
    pub touch: TouchPolicy,
}

impl Key {
    pub fn generate(pin: PinPolicy, touch: TouchPolicy) -> Self {
        Self { secret: SecretKey::generate(), origin: Origin::Generated, pin, touch }
    }

    /// The public key as an uncompressed point of 65 bytes.
    pub fn point(&self) -> Vec<u8> {
        point(&self.secret.public_key())
    }
}

/// An uncompressed point: 65 bytes, the first of them 4.
pub(crate) fn point(public: &PublicKey) -> Vec<u8> {
    public.to_sec1_bytes().into_vec()
}

/// Whether a key can live in this slot.
pub(crate) fn is_slot(slot: u8) -> bool {
    certificate_object(slot).is_some()
}

/// The object that holds a slot's certificate (SP 800-73-4 part 1 table 3).
pub(crate) fn certificate_object(slot: u8) -> Option<u32> {
    match slot {
        0x9a => Some(0x5f_c105),
        SIGNATURE => Some(0x5f_c10a),
        0x9d => Some(0x5f_c10b),
        CARD_AUTHENTICATION => Some(0x5f_c101),
        0x82..=0x95 => Some(0x5f_c10d + u32::from(slot - 0x82)),
        ATTESTATION => Some(0x5f_ff01),
        _ => None,
    }
}
