//! A secret of fixed length, and one that is written piece by piece; both live in locked pages.

use std::fmt;
use std::io;

use super::Pages;

/// `N` secret bytes in locked pages. No `Clone`, no `Serialize`.
pub struct Secret<const N: usize>(Pages);

impl<const N: usize> Secret<N> {
    /// All zero.
    pub fn zeroed() -> Self {
        Self(Pages::zeroed(N))
    }

    /// From the system's random source.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn random() -> Self {
        Self::with(|bytes| getrandom::fill(bytes).expect("the system gives random bytes"))
    }

    /// Made in place by `fill`, so that no copy is left elsewhere.
    pub fn with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self::zeroed();
        fill(secret.expose_mut());
        secret
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8; N]) -> Self {
        Self::with(|own| own.copy_from_slice(bytes))
    }

    /// The secret itself, to read.
    ///
    /// # Panics
    /// Never: its pages were mapped for `N` bytes.
    pub fn expose(&self) -> &[u8; N] {
        self.0.as_slice().try_into().expect("mapped for N bytes")
    }

    /// The secret itself, to write.
    ///
    /// # Panics
    /// Never: its pages were mapped for `N` bytes.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        self.0.as_mut_slice().try_into().expect("mapped for N bytes")
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Secret bytes of a capacity fixed at the start; writing past it is an error, never a reallocation.
pub struct SecretBuf {
    pages: Pages,
    len: usize,
}

impl SecretBuf {
    /// Empty, with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { pages: Pages::zeroed(capacity), len: 0 }
    }

    /// What has been written.
    pub fn expose(&self) -> &[u8] {
        &self.pages.as_slice()[..self.len]
    }

    /// The bytes after what has been written, to read into.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.pages.as_mut_slice()[self.len..]
    }

    /// Counts `n` bytes of [`SecretBuf::spare_mut`] as written.
    ///
    /// # Panics
    /// When that is more than there is room for.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.pages.as_slice().len() - self.len, "within the capacity");
        self.len += n;
    }
}

impl io::Write for SecretBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let spare = self.spare_mut();
        if bytes.len() > spare.len() {
            return Err(io::Error::new(io::ErrorKind::WriteZero, "more secret bytes than there is room for"));
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
