//! A key in a slot, and its PIN and touch policies.

use p256::elliptic_curve::Generate;
use p256::{PublicKey, SecretKey};

/// The signature slot; its default PIN policy is Always.
const SIGNATURE: u8 = 0x9c;
/// The card authentication slot; its default PIN policy is Never.
const CARD_AUTHENTICATION: u8 = 0x9e;
/// The slot of the attestation key.
pub(crate) const ATTESTATION: u8 = 0xf9;

/// When a key requires the PIN; the value is that of generation, metadata and attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinPolicy {
    /// Not at all.
    Never = 1,
    /// Once after the applet was selected.
    Once = 2,
    /// Immediately before every use.
    Always = 3,
}

/// When a key requires a touch; the value is that of generation, metadata and attestation.
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
    /// The policy that a client requested; zero or nothing requests the slot's default.
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
    /// The policy that a client requested; zero or nothing requests no touch.
    pub(crate) fn asked(id: Option<u8>) -> Option<Self> {
        match id.unwrap_or(0) {
            0 | 1 => Some(Self::Never),
            2 => Some(Self::Always),
            3 => Some(Self::Cached),
            _ => None,
        }
    }
}

/// The origin of a key; the value is that of metadata.
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

/// Whether this slot can hold a key.
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
