//! A fast search for all eight-byte windows of secrets. A window is eight consecutive bytes of a secret.

use super::Hit;
use std::collections::HashMap;

/// The length of a window in bytes.
const WINDOW: usize = 8;
/// How many bytes at the end of a chunk are searched again with the next chunk. A window that spans two chunks has at
/// most this many bytes in the first chunk.
pub(super) const OVERLAP: usize = WINDOW - 1;

pub(super) struct Windows {
    names: Vec<String>,
    /// For each window, the index of the secret and the offset in the secret.
    places: HashMap<u64, Vec<(usize, usize)>>,
    /// One bit for each hash value. The bit is set if a window of a secret has this hash value. Most windows of memory
    /// have a hash value without a set bit, so they need no lookup in `places`.
    sieve: Vec<u64>,
}

impl Windows {
    /// # Panics
    ///
    /// Panics if a secret is shorter than eight bytes or consists of one repeated byte, because such a secret cannot
    /// be searched for.
    pub fn new(secrets: &[(&str, &[u8])]) -> Self {
        let mut places = HashMap::<u64, Vec<(usize, usize)>>::new();
        let mut sieve = vec![0; 1 << (SIEVE_BITS - 6)];
        for (secret, (name, bytes)) in secrets.iter().enumerate() {
            let mut any = false;
            for (offset, window) in bytes.windows(WINDOW).enumerate() {
                if window.iter().all(|&b| b == window[0]) {
                    continue;
                }
                let window = u64::from_le_bytes(window.try_into().expect("a window should have eight bytes"));
                places.entry(window).or_default().push((secret, offset));
                let hash = hash(window);
                sieve[hash >> 6] |= 1 << (hash & 63);
                any = true;
            }
            assert!(
                any,
                "the secret {name:?} should have eight bytes or more, and should not repeat a single byte"
            );
        }
        Self { names: secrets.iter().map(|(name, _)| (*name).into()).collect(), places, sieve }
    }

    /// Adds each piece of a secret in `bytes` to `hits`. `bytes` begin at the address `base` of `mapping`.
    pub fn search(&self, bytes: &[u8], base: u64, mapping: &str, hits: &mut Vec<Hit>) {
        let mut window = 0;
        let mut at = 0;
        while at < bytes.len() {
            window = window >> 8 | u64::from(bytes[at]) << 56;
            at += 1;
            let hash = hash(window);
            if at >= WINDOW && self.sieve[hash >> 6] >> (hash & 63) & 1 == 1 {
                self.note(window, base + (at - WINDOW) as u64, mapping, hits);
            }
        }
    }

    fn note(&self, window: u64, address: u64, mapping: &str, hits: &mut Vec<Hit>) {
        for &(secret, offset) in self.places.get(&window).into_iter().flatten() {
            let name = &self.names[secret];
            let grows = |hit: &&mut Hit| {
                let by = hit.len - OVERLAP;
                (hit.address + by as u64, hit.offset + by) == (address, offset) && hit.name == *name
            };
            match hits.iter_mut().rev().take(16).find(grows) {
                Some(hit) => hit.len += 1,
                None => hits.push(Hit {
                    name: name.clone(),
                    address,
                    offset,
                    len: WINDOW,
                    mapping: mapping.into(),
                }),
            }
        }
    }
}

const SIEVE_BITS: u32 = 16;

fn hash(window: u64) -> usize {
    (window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SIEVE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(secret: &[u8], memory: &[u8]) -> Vec<(u64, usize, usize)> {
        let mut hits = Vec::new();
        Windows::new(&[("it", secret)]).search(memory, 100, "", &mut hits);
        hits.iter().map(|hit| (hit.address, hit.offset, hit.len)).collect()
    }

    #[test]
    fn a_complete_secret_in_memory_is_one_hit() {
        assert_eq!(search(b"0123456789", b"..0123456789.."), [(102, 0, 10)]);
    }

    #[test]
    fn the_tail_of_a_partly_overwritten_secret_is_found() {
        assert_eq!(search(b"0123456789abcdef", b"XXXXXX6789abcdef"), [(106, 6, 10)]);
    }

    #[test]
    fn seven_bytes_of_a_secret_are_not_a_hit() {
        assert_eq!(search(b"0123456789", b"..0123456.."), []);
    }

    #[test]
    fn zeros_in_a_secret_do_not_match_all_zeros() {
        assert_eq!(search(b"\0\0\0\0\0\0\0\0\0\0key", &[0; 64]), []);
    }
}
