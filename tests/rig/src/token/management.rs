//! The management key: 3DES or AES, with single or mutual authentication (SP 800-73-4 part 2 §A.1).

use super::status::{self, Status};
use super::tlv::{find, tlv};
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// The bytes of the factory key.
pub(crate) const FACTORY: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// The ciphers of a management key, with their PIV algorithm identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// Three-key triple DES, the default before firmware 5.7.
    TripleDes = 0x03,
    /// AES with a key of 16 bytes.
    Aes128 = 0x08,
    /// AES with a key of 24 bytes, the default from firmware 5.7.
    Aes192 = 0x0a,
    /// AES with a key of 32 bytes.
    Aes256 = 0x0c,
}

impl Cipher {
    /// Returns the default cipher of this firmware.
    pub fn factory(firmware: (u8, u8, u8)) -> Self {
        if firmware >= (5, 7, 0) { Self::Aes192 } else { Self::TripleDes }
    }

    pub(crate) fn from_id(id: u8) -> Option<Self> {
        [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256].into_iter().find(|c| *c as u8 == id)
    }

    /// Returns the length of a key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    fn block_len(self) -> usize {
        if self == Self::TripleDes { 8 } else { 16 }
    }
}

/// A management key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementKey {
    pub cipher: Cipher,
    /// The key's bytes. Their number depends on the cipher.
    pub key: Vec<u8>,
}

impl ManagementKey {
    /// Returns the factory key of this firmware.
    pub fn factory(firmware: (u8, u8, u8)) -> Self {
        Self { cipher: Cipher::factory(firmware), key: FACTORY.to_vec() }
    }

    /// Generates a random key.
    pub fn random(cipher: Cipher) -> Self {
        Self { cipher, key: random(cipher.key_len()) }
    }

    fn encrypt(&self, block: &[u8]) -> Vec<u8> {
        fn with<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &[u8]) -> Vec<u8> {
            let cipher = C::new_from_slice(key).expect("the key should be as long as its cipher requires");
            let mut block = Array::try_from(block).expect("a challenge should be one block");
            cipher.encrypt_block(&mut block);
            block.to_vec()
        }
        match self.cipher {
            Cipher::TripleDes => with::<des::TdesEde3>(&self.key, block),
            Cipher::Aes128 => with::<aes::Aes128>(&self.key, block),
            Cipher::Aes192 => with::<aes::Aes192>(&self.key, block),
            Cipher::Aes256 => with::<aes::Aes256>(&self.key, block),
        }
    }
}

/// The state after the first half of an authentication.
pub(crate) enum Pending {
    /// The witness in plain text. The card sends the witness encrypted, so only a client with the key can decrypt and
    /// return the witness.
    Witness(Vec<u8>),
    /// The card's challenge, encrypted with the key. The client's response must equal this value.
    Response(Vec<u8>),
}

/// The result of one command of an authentication.
pub(crate) enum Outcome {
    /// The answer to the first half, and the state for the second half.
    Begun(Vec<u8>, Pending),
    /// The answer to a client that has proven possession of the key.
    Proved(Vec<u8>),
}

/// Executes one GENERAL AUTHENTICATE with the management key. `pending` is the state after the previous command of
/// this authentication.
pub(crate) fn authenticate(
    key: &ManagementKey,
    pending: Option<Pending>,
    template: &[u8],
) -> Result<Outcome, Status> {
    let witness = find(0x80, template);
    let challenge = find(0x81, template);
    let response = find(0x82, template);
    let block = key.cipher.block_len();
    let answer = |tag, value: &[u8]| tlv(0x7c, &tlv(tag, value));

    match (witness, challenge, response, pending) {
        (Some([]), None, _, _) => {
            let witness = random(block);
            Ok(Outcome::Begun(answer(0x80, &key.encrypt(&witness)), Pending::Witness(witness)))
        }
        (None, Some([]), _, _) => {
            let challenge = random(block);
            let expected = Pending::Response(key.encrypt(&challenge));
            Ok(Outcome::Begun(answer(0x81, &challenge), expected))
        }
        (Some(plain), Some(challenge), _, Some(Pending::Witness(witness))) => {
            if plain != witness {
                return Err(status::NOT_SATISFIED);
            }
            if challenge.len() != block {
                return Err(status::WRONG_DATA);
            }
            Ok(Outcome::Proved(answer(0x82, &key.encrypt(challenge))))
        }
        (None, None, Some(response), Some(Pending::Response(expected))) if response == expected => {
            Ok(Outcome::Proved(Vec::new()))
        }
        (None, None, Some(_), Some(Pending::Response(_))) => Err(status::NOT_SATISFIED),
        _ => Err(status::WRONG_DATA),
    }
}

/// Returns random bytes.
pub(crate) fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).expect("the kernel should return random bytes");
    bytes
}
