//! Random public values: ids, labels, file names. A secret is made with [`crate::secret::Secret::random`], which keeps it in
//! locked memory.

/// `N` bytes from the system's random source.
///
/// # Panics
/// If the system has no randomness to give.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// `N` random bytes as lower-case hex.
///
/// # Panics
/// See [`bytes`].
pub fn hex<const N: usize>() -> String {
    hex::encode(bytes::<N>())
}
