//! Splits the 16-byte file key over GF(256) into shares. A threshold of M shares rebuilds the file key.
//!
//! Shamir's scheme splits each byte separately. The field polynomial is x^8+x^4+x^3+x+1. Each custodian has one share.
//! The x coordinate of the share is the custodian's index.

use std::fmt;

use serde::{Deserialize, Serialize};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The length of the age file key and of every share, in bytes.
pub const KEY: usize = 16;

/// The maximum number of custodians of a vault.
pub const MAX_CUSTODIANS: u8 = 16;

/// The number of custodians who are needed to open a vault, at least two.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub struct Threshold(u8);

impl Threshold {
    /// Returns the number of custodians.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl From<Threshold> for u8 {
    fn from(threshold: Threshold) -> u8 {
        threshold.0
    }
}

/// The reason why a number is not a valid threshold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ThresholdError {
    /// The number is below two. With such a threshold, one custodian alone could open the vault.
    TooLow,
    /// The number is above [`MAX_CUSTODIANS`].
    TooHigh,
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLow => {
                f.write_str("the threshold must be at least 2, so that no custodian can open a vault alone")
            }
            Self::TooHigh => write!(f, "a vault has at most {MAX_CUSTODIANS} custodians"),
        }
    }
}

impl std::error::Error for ThresholdError {}

impl TryFrom<u8> for Threshold {
    type Error = ThresholdError;

    fn try_from(count: u8) -> Result<Self, ThresholdError> {
        match count {
            0 | 1 => Err(ThresholdError::TooLow),
            2..=MAX_CUSTODIANS => Ok(Self(count)),
            _ => Err(ThresholdError::TooHigh),
        }
    }
}

/// One custodian's share of the file key.
#[derive(Debug)]
pub struct Share {
    /// The custodian's index, counted from 1. The index is also the x coordinate of the share.
    pub index: u8,
    /// The secret value of the share.
    pub value: Secret<KEY>,
}

/// Splits `key` into one share for each index in 1..=`count`.
///
/// # Panics
/// Panics if `count` is below the threshold or above [`MAX_CUSTODIANS`]. The check of the manifest refuses such a
/// number of custodians.
pub fn split(key: &Secret<KEY>, threshold: Threshold, count: u8) -> Vec<Share> {
    assert!(
        (threshold.get()..=MAX_CUSTODIANS).contains(&count),
        "the number of shares must be from the threshold to 16"
    );
    let rng = rand_core::UnwrapErr(getrandom::SysRng);
    let shares = Gf256::split_bytes(threshold.get().into(), count.into(), key.expose(), rng)
        .expect("the threshold and the number of shares should be in range");
    shares
        .into_iter()
        .map(Zeroizing::new)
        .map(|share| Share { index: share[0], value: Secret::with(|out| out.copy_from_slice(&share[1..])) })
        .collect()
}

/// Rebuilds the key from shares with different indexes. Too few or wrong shares give a wrong key, not an error. The
/// commitments and the header's MAC detect a wrong key.
///
/// # Panics
/// Panics if there are fewer than two shares, or if two shares have the same index. The callers check both conditions.
pub fn combine(shares: &[&Share]) -> Secret<KEY> {
    let encoded: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(
        shares
            .iter()
            .map(|share| {
                let mut bytes = Vec::with_capacity(1 + KEY);
                bytes.push(share.index);
                bytes.extend_from_slice(share.value.expose());
                bytes
            })
            .collect(),
    );
    let key = Zeroizing::new(
        Gf256::combine_bytes(&*encoded).expect("the callers pass two or more shares with different indexes"),
    );
    Secret::with(|out| out.copy_from_slice(&key))
}

/// Returns every selection of `threshold` shares.
pub fn subsets(shares: &[Share], threshold: Threshold) -> impl Iterator<Item = Vec<&Share>> {
    (0_u32..1 << shares.len())
        .filter(move |mask| mask.count_ones() == u32::from(threshold.get()))
        .map(|mask| shares.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, s)| s).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_of_three_shares_rebuild_the_key() {
        let key = Secret::random();
        let shares = split(&key, Threshold(2), 3);
        assert_eq!(shares.iter().map(|s| s.index).collect::<Vec<_>>(), [1, 2, 3]);
        let all: Vec<_> = subsets(&shares, Threshold(2)).collect();
        assert_eq!(all.len(), 3);
        for subset in all {
            assert_eq!(combine(&subset).expose(), key.expose());
        }
        let reversed = [&shares[2], &shares[0]];
        assert_eq!(combine(&reversed).expose(), key.expose());
    }

    #[test]
    fn coefficients_are_unbiased_in_every_bit() {
        // If the key is all zeros and the threshold is 2, the share at x = 1 is the random coefficient itself. Each
        // bit of the coefficient must be one about half of the time. Flawed generators in other crates never set some
        // of the bits.
        let zero = Secret::zeroed();
        let mut ones = [0_u32; 8];
        for _ in 0..200 {
            for byte in split(&zero, Threshold(2), 2)[0].value.expose() {
                for (bit, count) in ones.iter_mut().enumerate() {
                    *count += u32::from(byte >> bit & 1);
                }
            }
        }
        // Each bit has 3,200 samples: 1,600 ones are expected, with a standard deviation of 28.
        assert!(ones.iter().all(|&n| (1400..1800).contains(&n)), "{ones:?}");
    }

    #[test]
    fn coefficients_are_independent_of_each_other() {
        // If the key is all zeros, the shares at x = 1 and x = 2 are s1 = c1 + c2 and s2 = 2·c1 + 4·c2 in the field.
        // Therefore c2 = (s2 + 2·s1) / 6.
        let zero = Secret::zeroed();
        let sixth = (1..=u8::MAX)
            .map(Gf256)
            .find(|x| (*x * Gf256(6)).0 == 1)
            .expect("every element except zero has an inverse");
        let mut ones = [[0_u32; 8]; 2];
        for _ in 0..200 {
            let shares = split(&zero, Threshold(3), 3);
            let coefficients: Vec<[u8; 2]> = (0..KEY)
                .map(|i| {
                    let [s1, s2] = [0, 1].map(|share: usize| shares[share].value.expose()[i]);
                    let c2 = (Gf256(s2 ^ (Gf256(2) * Gf256(s1)).0) * sixth).0;
                    [s1 ^ c2, c2]
                })
                .collect();
            for (place, [c1, c2]) in coefficients.iter().enumerate() {
                let next = coefficients[(place + 1) % KEY];
                for (differs, counts) in [c1 ^ c2, c1 ^ next[0]].into_iter().zip(&mut ones) {
                    for (bit, count) in counts.iter_mut().enumerate() {
                        *count += u32::from(differs >> bit & 1);
                    }
                }
            }
        }
        assert!(ones.iter().flatten().all(|&n| (1400..1800).contains(&n)), "{ones:?}");
    }

    #[test]
    fn multiplication_matches_the_example_of_fips_197() {
        // FIPS 197 section 4.2 has this example of two inverse elements: 0x53 * 0xca = 1 in GF(2^8) with
        // x^8+x^4+x^3+x+1.
        assert_eq!((Gf256(0x53) * Gf256(0xca)).0, 1);
    }
}
