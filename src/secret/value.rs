//! Two types for secret bytes in locked pages: [`Secret`] has a fixed length, and [`SecretBuf`] is filled piece by
//! piece.

use std::fmt;
use std::io;

use super::Pages;

/// `N` secret bytes in locked pages. The type implements neither `Clone` nor `Serialize`.
pub struct Secret<const N: usize>(Pages);

impl<const N: usize> Secret<N> {
    /// Returns `N` zero bytes.
    pub fn zeroed() -> Self {
        Self(Pages::zeroed(N))
    }

    /// Returns `N` bytes from the system's random source.
    ///
    /// # Panics
    /// Panics if the random source fails.
    pub fn random() -> Self {
        Self::with(|bytes| getrandom::fill(bytes).expect("the random source should work"))
    }

    /// Returns a secret that `fill` writes directly into the locked pages, so that no copy is left elsewhere.
    pub fn with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self::zeroed();
        fill(secret.expose_mut());
        secret
    }

    /// Copies `bytes` into locked pages.
    pub fn copy_of(bytes: &[u8; N]) -> Self {
        Self::with(|secret| secret.copy_from_slice(bytes))
    }

    /// Returns the secret's bytes.
    ///
    /// # Panics
    /// Never panics, because the pages hold `N` bytes.
    pub fn expose(&self) -> &[u8; N] {
        self.0.as_slice().try_into().expect("the pages hold N bytes")
    }

    /// Returns the secret's bytes for writing.
    ///
    /// # Panics
    /// Never panics, because the pages hold `N` bytes.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        self.0.as_mut_slice().try_into().expect("the pages hold N bytes")
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A buffer for secret bytes with a fixed capacity. The buffer is never reallocated, and a write beyond its capacity
/// is an error.
pub struct SecretBuf {
    pages: Pages,
    len: usize,
}

impl SecretBuf {
    /// Returns an empty buffer for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { pages: Pages::zeroed(capacity), len: 0 }
    }

    /// Returns the bytes that were written so far.
    pub fn expose(&self) -> &[u8] {
        &self.pages.as_slice()[..self.len]
    }

    /// Returns the unused capacity for writing.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.pages.as_mut_slice()[self.len..]
    }

    /// Marks the first `n` bytes of [`SecretBuf::spare_mut`] as written.
    ///
    /// # Panics
    /// Panics if `n` exceeds the unused capacity.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.pages.as_slice().len() - self.len, "`n` exceeds the unused capacity of the buffer");
        self.len += n;
    }
}

impl io::Write for SecretBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let spare = self.spare_mut();
        if bytes.len() > spare.len() {
            return Err(io::Error::new(io::ErrorKind::WriteZero, "the secret does not fit into its buffer"));
        }
        spare[..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for SecretBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
