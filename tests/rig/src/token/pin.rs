//! PIN and PUK: comparison, tries and blocking.

use super::status::{self, Status};

/// The shortest length of a PIN or PUK, in bytes.
const MIN: usize = 6;
/// The length of a PIN or PUK with its padding of `FF` bytes, in bytes.
pub(crate) const LEN: usize = 8;

/// A PIN or a PUK.
#[derive(Clone)]
pub(crate) struct Pin {
    value: [u8; LEN],
    factory: &'static str,
    left: u8,
    limit: u8,
}

impl Pin {
    /// Returns a PIN or PUK with this value and three tries.
    ///
    /// # Panics
    ///
    /// Panics if `value` has fewer than six or more than eight bytes.
    pub fn new(value: &str, factory: &'static str) -> Self {
        let value =
            padded(value.as_bytes()).unwrap_or_else(|| panic!("{value:?} is not a PIN of 6 to 8 bytes"));
        Self { value, factory, left: 3, limit: 3 }
    }

    /// Restores the factory's value, with `limit` tries.
    pub fn reset(&mut self, limit: u8) {
        *self = Self { left: limit, limit, ..Self::new(self.factory, self.factory) };
    }

    pub fn left(&self) -> u8 {
        self.left
    }

    pub fn limit(&self) -> u8 {
        self.limit
    }

    pub fn is(&self, value: &str) -> bool {
        padded(value.as_bytes()) == Some(self.value)
    }

    pub fn is_factory(&self) -> bool {
        self.is(self.factory)
    }

    pub fn block(&mut self) {
        self.left = 0;
    }

    /// Returns the answer to an empty VERIFY while the PIN is not verified.
    pub fn query(&self) -> Status {
        match self.left {
            0 => status::BLOCKED,
            left => status::tries_left(left),
        }
    }

    /// Compares a value and counts the try. Fails with the status `63CX` if the value is wrong. If the PIN is blocked,
    /// fails with the status `6983` without a comparison.
    pub fn check(&mut self, candidate: &[u8]) -> Result<(), Status> {
        if self.left == 0 {
            return Err(status::BLOCKED);
        }
        if candidate != self.value {
            self.left -= 1;
            return Err(status::tries_left(self.left));
        }
        self.left = self.limit;
        Ok(())
    }

    /// Sets a new value, which must be padded, and restores all tries.
    pub fn set(&mut self, value: &[u8]) -> Result<(), Status> {
        let value: [u8; LEN] = value.try_into().map_err(|_| status::WRONG_DATA)?;
        let len = value.iter().position(|&b| b == 0xff).unwrap_or(LEN);
        if padded(&value[..len]) != Some(value) {
            return Err(status::WRONG_DATA);
        }
        self.value = value;
        self.left = self.limit;
        Ok(())
    }
}

fn padded(value: &[u8]) -> Option<[u8; LEN]> {
    let mut out = [0xff; LEN];
    out.get_mut(..value.len()).filter(|_| value.len() >= MIN)?.copy_from_slice(value);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_wrong_pins_even_the_right_pin_is_refused() {
        let mut pin = Pin::new("123456", "123456");
        for left in [2, 1, 0] {
            assert_eq!(pin.check(b"999999\xff\xff"), Err(status::tries_left(left)));
        }
        assert_eq!(pin.check(b"123456\xff\xff"), Err(status::BLOCKED));
        assert_eq!(pin.query(), status::BLOCKED);
    }

    #[test]
    fn the_right_pin_restores_all_tries() {
        let mut pin = Pin::new("123456", "123456");
        assert!(pin.check(b"999999\xff\xff").is_err());
        assert!(pin.check(b"123456\xff\xff").is_ok());
        assert_eq!(pin.left(), 3);
    }

    #[test]
    fn a_new_pin_has_six_to_eight_bytes_and_only_trailing_padding() {
        let mut pin = Pin::new("123456", "123456");
        for bad in
            [&b"12345\xff\xff\xff"[..], b"1234567", b"123\xff4567", b"\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert_eq!(pin.set(bad), Err(status::WRONG_DATA));
        }
        assert!(pin.is_factory());
        assert!(pin.set(b"87654321").is_ok());
        assert!(!pin.is_factory());
    }
}
