//! Random values that are public, such as ids, labels and file names. For a random secret, use
//! [`crate::secret::Secret::random`], which keeps the secret in locked memory.

/// Returns `N` bytes from the system's random source.
///
/// # Panics
/// Panics if the random source fails.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the random source should work");
    bytes
}

/// Returns `N` random bytes as lower-case hex.
///
/// # Panics
/// See [`bytes`].
pub fn hex<const N: usize>() -> String {
    hex::encode(bytes::<N>())
}
