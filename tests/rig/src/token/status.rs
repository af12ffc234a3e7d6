//! Status words, as defined in SP 800-73-4 part 2 §5.6 and by Yubico's extensions.

/// A status word: the last two bytes of every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(u16);

impl Status {
    /// Returns the bytes on the wire.
    pub fn bytes(self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

pub(crate) const OK: Status = Status(0x9000);
pub(crate) const WRONG_LENGTH: Status = Status(0x6700);
/// The PIN was not verified, the management key was not proven, or there was no touch in time.
pub(crate) const NOT_SATISFIED: Status = Status(0x6982);
pub(crate) const BLOCKED: Status = Status(0x6983);
pub(crate) const CONDITIONS: Status = Status(0x6985);
pub(crate) const WRONG_DATA: Status = Status(0x6a80);
pub(crate) const NOT_FOUND: Status = Status(0x6a82);
pub(crate) const NO_SPACE: Status = Status(0x6a84);
pub(crate) const WRONG_P1_P2: Status = Status(0x6a86);
/// There is no such key or PIN.
pub(crate) const NO_REFERENCE: Status = Status(0x6a88);
pub(crate) const WRONG_SLOT: Status = Status(0x6b00);
pub(crate) const UNKNOWN_INSTRUCTION: Status = Status(0x6d00);

/// Returns the status for a wrong PIN or PUK. The lowest four bits are the tries left.
pub(crate) fn tries_left(tries: u8) -> Status {
    Status(0x63c0 | u16::from(tries.min(15)))
}
