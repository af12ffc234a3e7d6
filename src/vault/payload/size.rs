//! The length of a payload.

/// The payload is padded with spaces to a multiple of this, in bytes.
pub const BLOCK: usize = 4096;

/// The maximum length of a payload with its padding, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;

/// Counts down the remaining bytes and keeps nothing.
pub(super) struct Remaining(pub(super) usize);

impl std::io::Write for Remaining {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
