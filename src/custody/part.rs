//! A custodian's part: 16 random bytes, written as twelve BIP-39 words, and the key that is derived from these bytes.

use bip39::{Language, Mnemonic};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::vault::hybrid::PartIdentity;

/// The number of words of a part.
pub const WORDS: usize = 12;

const LABEL: &[u8] = b"breakglass/part mlkem768x25519 v1";

/// A part: 16 random bytes, which are generated and never chosen by a person.
#[derive(Debug)]
pub struct Part(Secret<16>);

/// The reason why typed words are not a part (vault-format.md: `invalid words`).
#[derive(Debug, Eq, PartialEq)]
pub enum WordsError {
    /// The word at this position, counted from 1, is not in the BIP-39 list.
    Unknown(usize),
    /// More than twelve words were typed. The field is the number of typed words.
    TooMany(usize),
    /// The checksum does not match: one word is wrong, or two are swapped.
    Checksum,
}

/// The words that were typed so far, kept as indexes into the BIP-39 list and not as text.
#[derive(Default)]
pub struct TypedWords {
    words: Zeroizing<Vec<Option<u16>>>,
}

impl Part {
    /// Generates a part from the system's random source.
    pub fn generate() -> Self {
        Self(Secret::random())
    }

    /// Returns the twelve words.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + use<> {
        let mnemonic = self.mnemonic();
        let indexes: Zeroizing<Vec<usize>> = Zeroizing::new(mnemonic.word_indices().collect());
        (0..WORDS).map(move |i| Language::English.word_list()[indexes[i]])
    }

    /// Returns whether `self` and `other` have the same bytes.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }

    /// Derives the age identity mlkem768x25519 for an enrolment. The seed for X-Wing is
    /// HKDF-SHA256(ikm = BIP-39 seed without passphrase, salt = enrolment ID, info = label).
    ///
    /// # Panics
    /// Never panics, because HKDF can output 32 bytes.
    pub fn identity(&self, enrolment: &[u8; 16]) -> PartIdentity {
        self.seed().identity(enrolment)
    }

    /// Returns the BIP-39 seed, which PBKDF2 computes. A caller that needs identities for several enrolments calls
    /// this function once, because PBKDF2 is slow.
    pub fn seed(&self) -> Seed {
        Seed(Secret::with(|out| {
            let seed = Zeroizing::new(self.mnemonic().to_seed_normalized(""));
            out.copy_from_slice(&*seed);
        }))
    }

    fn mnemonic(&self) -> Mnemonic {
        Mnemonic::from_entropy_in(Language::English, self.0.expose())
            .expect("BIP-39 encodes 16 bytes as twelve words")
    }
}

/// The BIP-39 seed of a part.
pub struct Seed(Secret<64>);

impl Seed {
    /// Derives the age identity for an enrolment; see [`Part::identity`].
    ///
    /// # Panics
    /// Never panics, because HKDF can output 32 bytes.
    pub fn identity(&self, enrolment: &[u8; 16]) -> PartIdentity {
        let hkdf = Hkdf::<Sha256>::new(Some(enrolment), self.0.expose());
        PartIdentity::new(Secret::with(|out| hkdf.expand(LABEL, out).expect("HKDF can output 32 bytes")))
    }
}

impl TypedWords {
    /// Adds the words of one typed line, with any spacing and case. The first four letters of a word are enough. Line
    /// numbers from the sheet are ignored.
    ///
    /// # Errors
    /// Returns [`WordsError::Unknown`] if a word is unknown. The known words are kept, so only the unknown words have
    /// to be typed again. Returns [`WordsError::TooMany`], and discards the line, if there are more than twelve words.
    pub fn add(&mut self, line: &str) -> Result<(), WordsError> {
        let words = || line.split(|c: char| c.is_whitespace() || ",;.)".contains(c)).filter(|w| is_word(w));
        let missing = self.missing();
        let count = words().count();
        let total = self.words.len() - missing.len() + count;
        if total > WORDS {
            return Err(WordsError::TooMany(total));
        }
        if self.words.capacity() < WORDS {
            self.words.reserve_exact(WORDS);
        }
        let mut places = missing.into_iter();
        for word in words() {
            let found = find(word);
            match places.next() {
                Some(place) => self.words[place] = found,
                None => self.words.push(found),
            }
        }
        match self.missing().first() {
            Some(place) => Err(WordsError::Unknown(place + 1)),
            None => Ok(()),
        }
    }

    /// Returns the position of the next word to type, counted from 1. Unknown words come first. Returns `None` if all
    /// twelve words are known.
    pub fn next(&self) -> Option<usize> {
        let after = (self.words.len() < WORDS).then_some(self.words.len());
        self.missing().first().copied().or(after).map(|place| place + 1)
    }

    /// Returns true if no word was added yet.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns the part that the twelve words encode.
    ///
    /// # Errors
    /// Returns [`WordsError::Checksum`], or [`WordsError::Unknown`] if a word is still unknown.
    pub fn part(&self) -> Result<Part, WordsError> {
        // 12 words have 11 bits each: 128 bits of entropy, then 4 bits of checksum (BIP-39, "Generating the
        // mnemonic").
        let mut entropy = Secret::<16>::zeroed();
        for (place, index) in self.words.iter().enumerate() {
            let index = index.ok_or(WordsError::Unknown(place + 1))?;
            for bit in 0..11 {
                let at = place * 11 + bit;
                if at < 128 && index >> (10 - bit) & 1 == 1 {
                    entropy.expose_mut()[at / 8] |= 0x80 >> (at % 8);
                }
            }
        }
        let part = Part(entropy);
        let last = part.mnemonic().word_indices().last();
        let typed = self.words.last().copied().flatten().map(usize::from);
        if self.words.len() == WORDS && last == typed { Ok(part) } else { Err(WordsError::Checksum) }
    }

    fn missing(&self) -> Vec<usize> {
        (0..self.words.len()).filter(|&place| self.words[place].is_none()).collect()
    }
}

/// Returns whether `text` is a word. The line numbers of the sheet are not words.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.trim_end_matches(['.', ')']).bytes().all(|b| b.is_ascii_digit())
}

fn find(typed: &str) -> Option<u16> {
    let typed = Zeroizing::new(typed.to_ascii_lowercase());
    let list = Language::English.word_list();
    let place = list.iter().position(|word| *word == *typed).or_else(|| {
        let unique = typed.len() >= 4;
        list.iter().position(|word| unique && word.starts_with(typed.as_str()))
    })?;
    u16::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(lines: &[&str]) -> Result<Part, WordsError> {
        let mut typed = TypedWords::default();
        for line in lines {
            typed.add(line)?;
        }
        typed.part()
    }

    #[test]
    fn generated_parts_are_unbiased_in_every_bit() {
        let mut ones = [0_u32; 128];
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let part = Part::generate();
            assert!(seen.insert(*part.0.expose()), "a part should never be generated twice");
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(part.0.expose()[bit / 8] >> (bit % 8) & 1);
            }
        }
        // In 1,000 parts, each bit should be one about 500 times. The standard deviation is 16.
        assert!(ones.iter().all(|&n| (400..600).contains(&n)), "{ones:?}");
    }

    #[test]
    fn a_part_is_read_from_its_words_in_every_accepted_form() {
        let part = Part::generate();
        let words: Vec<_> = part.words().collect();
        let short: Vec<_> = words.iter().map(|w| w[..w.len().min(4)].to_uppercase()).collect();
        let sheet: Vec<_> = words.iter().enumerate().map(|(i, w)| format!("{} {w}", i + 1)).collect();
        assert!(typed(&[&words.join(" ")]).unwrap().equals(&part));
        assert!(typed(&[&short.join("  ")]).unwrap().equals(&part));
        assert!(typed(&[&sheet.join("\n")]).unwrap().equals(&part));
        assert!(typed(&words).unwrap().equals(&part));
    }

    #[test]
    fn only_an_unknown_word_is_asked_for_again() {
        let part = Part::generate();
        let mut words: Vec<_> = part.words().collect();
        let right = std::mem::replace(&mut words[4], "aliceinwonder");
        let mut typed = TypedWords::default();
        assert_eq!(typed.add(&words.join(" ")), Err(WordsError::Unknown(5)));
        assert_eq!(typed.next(), Some(5));
        assert_eq!(typed.add(right), Ok(()));
        assert_eq!(typed.next(), None);
        assert!(typed.part().unwrap().equals(&part));
    }

    #[test]
    fn a_wrong_word_fails_the_checksum_and_a_thirteenth_word_is_refused() {
        // The first test vector of BIP-39 encodes 16 zero bytes.
        let good = format!("{}about", "abandon ".repeat(11));
        assert!(typed(&[&good]).unwrap().equals(&Part(Secret::zeroed())));
        assert_eq!(typed(&["abandon ".repeat(12).as_str()]).unwrap_err(), WordsError::Checksum);
        assert_eq!(typed(&["abandon ".repeat(13).as_str()]).unwrap_err(), WordsError::TooMany(13));
    }

    #[test]
    fn the_identity_of_a_part_depends_on_the_enrolment() {
        let part = Part(Secret::zeroed());
        let one = part.identity(&[1; 16]).to_public().to_string();
        assert_ne!(one, part.identity(&[2; 16]).to_public().to_string());
        assert_eq!(one, part.identity(&[1; 16]).to_public().to_string());
    }
}
