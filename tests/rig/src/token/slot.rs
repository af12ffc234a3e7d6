//! A key in a slot, and its PIN and touch policies.

use p256::elliptic_curve::Generate;
use p256::{PublicKey, SecretKey};

/// The signature slot; its default PIN policy is `Always`.
const SIGNATURE: u8 = 0x9c;
/// The card authentication slot; its default PIN policy is `Never`.
const CARD_AUTHENTICATION: u8 = 0x9e;
/// The slot of the attestation key.
pub(crate) const ATTESTATION: u8 = 0xf9;

/// When a key requires the PIN. The commands for key generation, metadata and attestation use these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinPolicy {
    /// The key never requires the PIN.
    Never = 1,
    /// The key requires the PIN once after each selection of the applet.
    Once = 2,
    /// The key requires the PIN immediately before every use.
    Always = 3,
}

/// When a key requires a touch. The commands for key generation, metadata and attestation use these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchPolicy {
    /// The key never requires a touch.
    Never = 1,
    /// The key requires a touch at every use.
    Always = 2,
    /// The key requires a touch if the last touch was more than 15 seconds ago.
    Cached = 3,
}

impl PinPolicy {
    /// Returns the policy that a client requested. If the client sends zero or no value, the slot's default applies.
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
    /// Returns the policy that a client requested. If the client sends zero or no value, the key needs no touch.
    pub(crate) fn asked(id: Option<u8>) -> Option<Self> {
        match id.unwrap_or(0) {
            0 | 1 => Some(Self::Never),
            2 => Some(Self::Always),
            3 => Some(Self::Cached),
            _ => None,
        }
    }
}

/// The origin of a key. GET METADATA uses these values.
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

    /// Returns the public key as an uncompressed point of 65 bytes.
    pub fn point(&self) -> Vec<u8> {
        point(&self.secret.public_key())
    }
}

/// Returns an uncompressed point: 65 bytes, starting with the byte 4.
pub(crate) fn point(public: &PublicKey) -> Vec<u8> {
    public.to_sec1_bytes().into_vec()
}

/// Returns whether this slot can hold a key.
pub(crate) fn is_slot(slot: u8) -> bool {
    certificate_object(slot).is_some()
}

/// Returns the identifier of the object that holds a slot's certificate (SP 800-73-4 part 1 table 3).
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
