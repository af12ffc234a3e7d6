//! The interface to a token. A token has a serial number and keys, verifies a PIN, computes ECDH, and signs.

use std::fmt;

use crate::secret::{Secret, SecretText};
use crate::vault::share::Point;

/// A retired PIV slot, 82–95 (SP 800-73-4 part 1, table 4b).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot(u8);

impl Slot {
    /// Returns all retired slots in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0x82..=0x95).map(Self)
    }

    /// Parses two hex digits. Returns `None` if the digits are not the number of a retired slot.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|slot| slot.to_string() == text)
    }

    /// Returns the slot's number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// The reason why a command to a token failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenError {
    /// The PIN is wrong.
    WrongPin {
        /// The number of PIN tries that are left.
        left: u8,
    },
    /// The PIN is blocked.
    Blocked,
    /// The PIN was right, but the token was not touched in time.
    NotTouched,
    /// The token was removed, or reset by another program.
    Gone,
    /// Another program uses the token exclusively.
    Busy,
    /// The token failed in another way. The field describes the failure.
    Failed(&'static str),
}

/// The error for a token of kind `challenge`. This version of the program opens and signs only with PIV tokens.
pub const CHALLENGE_RESPONSE: TokenError = TokenError::Failed(
    "the token is enrolled for challenge-response, and this version of breakglass can use only tokens that are enrolled for PIV",
);

/// The key that a token holds in a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Held {
    /// The public key.
    pub point: Point,
    /// Whether a private-key operation needs a touch.
    pub touch: bool,
}

/// A token that is plugged in.
pub trait Token {
    /// Returns the serial number.
    fn serial(&self) -> u32;

    /// Returns the number of PIN tries that are left. After this call, the token treats the PIN as not verified.
    ///
    /// # Errors
    /// See [`TokenError`]. Every method of this trait can return this error.
    fn tries_left(&mut self) -> Result<u8, TokenError>;

    /// Returns the P-256 key in a slot, or `None` if the slot has no such key.
    fn held(&mut self, slot: Slot) -> Result<Option<Held>, TokenError>;

    /// Verifies the PIN. A wrong PIN uses one of the PIN tries.
    fn verify(&mut self, pin: &SecretText) -> Result<(), TokenError>;

    /// Computes ECDH. Returns the x coordinate of `point` multiplied by the slot's private key (SP 800-73-4 part 2,
    /// section 3.2.4).
    fn agree(&mut self, slot: Slot, point: &Point) -> Result<Secret<32>, TokenError>;

    /// Signs a SHA-256 digest with ECDSA. Returns the signature in DER.
    fn sign(&mut self, slot: Slot, digest: &[u8; 32]) -> Result<Vec<u8>, TokenError>;
}
