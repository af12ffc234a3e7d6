//! The port behind which every token stands: who are you, agree, sign.

use std::fmt;

use crate::secret::{Secret, SecretText};
use crate::vault::share::Point;

/// A retired PIV slot, 82–95 (SP 800-73-4 part 1, table 4b).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot(u8);

impl Slot {
    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0x82..=0x95).map(Self)
    }

    /// Reads the two hex digits of a manifest; `None` for any other slot.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|slot| slot.to_string() == text)
    }

    /// The slot's number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// Why a token did not do as asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenError {
    /// The PIN is wrong; so many tries are left.
    WrongPin {
        /// Tries left.
        left: u8,
    },
    /// The PIN is blocked.
    Blocked,
    /// The PIN was right and nobody touched the token in time.
    NotTouched,
    /// It was pulled out or reset by another program.
    Gone,
    /// Another program holds it.
    Busy,
    /// It answered something else.
    Failed(&'static str),
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Held {
    /// The public key.
    pub point: Point,
    /// A private-key operation wants a touch.
    pub touch: bool,
}

/// A token that is plugged in.
pub trait Token {
    /// The serial number.
    fn serial(&self) -> u32;

    /// PIN tries left; the PIN counts as not verified after this.
    ///
    /// # Errors
    /// See [`TokenError`]; so for every method here.
    fn tries_left(&mut self) -> Result<u8, TokenError>;

    /// The P-256 key in a slot, if there is one.
    fn held(&mut self, slot: Slot) -> Result<Option<Held>, TokenError>;

    /// Verifies the PIN. A wrong one costs a try.
    fn verify(&mut self, pin: &SecretText) -> Result<(), TokenError>;

    /// ECDH: the x coordinate of the slot's key times `point` (SP 800-73-4 part 2, section 3.2.4).
    fn agree(&mut self, slot: Slot, point: &Point) -> Result<Secret<32>, TokenError>;

    /// ECDSA over a SHA-256 digest; the signature in DER.
    fn sign(&mut self, slot: Slot, digest: &[u8; 32]) -> Result<Vec<u8>, TokenError>;
}
