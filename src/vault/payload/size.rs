//! The length of a payload.

/// The length of a block in bytes. The payload is padded with spaces to whole blocks.
pub const BLOCK: usize = 4096;

/// The maximum length of a payload with its padding, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;

/// A writer that discards the bytes and counts how many more are allowed.
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
