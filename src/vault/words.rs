//! Fingerprints that people read aloud. A fingerprint is the first six BIP-39 English words of a digest, which encode
//! 66 bits.

use bip39::{Language, Mnemonic};

/// The number of words of a fingerprint.
pub const WORDS: usize = 6;

/// Returns the first six words of the BIP-39 mnemonic whose entropy is `digest`.
///
/// # Panics
/// Never panics: 32 bytes are valid BIP-39 entropy.
pub fn of(digest: &[u8; 32]) -> String {
    let mnemonic =
        Mnemonic::from_entropy_in(Language::English, digest).expect("32 bytes should make 24 words");
    mnemonic.words().take(WORDS).collect::<Vec<_>>().join(" ")
}

/// Returns whether `typed` is the fingerprint of `digest`. Spacing and case do not matter, and the first four letters
/// of each word are enough.
pub fn matches(digest: &[u8; 32], typed: &str) -> bool {
    let expected = of(digest);
    let mut typed = typed.split_whitespace();
    let same = expected.split(' ').all(|word| typed.next().is_some_and(|t| names(t, word)));
    same && typed.next().is_none()
}

fn names(typed: &str, word: &str) -> bool {
    let typed = typed.to_ascii_lowercase();
    typed == word || (typed.len() >= 4 && word.starts_with(&typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_words_or_their_first_four_letters_match_a_digest() {
        let words = of(&[0; 32]);
        assert_eq!(words, "abandon abandon abandon abandon abandon abandon");
        let digest = [0x5a; 32];
        assert!(matches(&digest, &of(&digest)));
        assert!(matches(&digest, &of(&digest).to_uppercase()));
        let short: Vec<_> = of(&digest).split(' ').map(|w| w[..w.len().min(4)].to_owned()).collect();
        assert!(matches(&digest, &short.join("  ")));
        assert!(!matches(&digest, &short[..5].join(" ")));
        assert!(matches(&[0; 32], &words.replacen("abandon", "aban", 1)));
        assert!(!matches(&[0; 32], &words.replacen("abandon", "aba", 1)), "three letters");
        assert!(!matches(&digest, &format!("{} zoo", of(&digest))));
        assert!(!matches(&digest, &of(&[0x5b; 32])));
    }
}
