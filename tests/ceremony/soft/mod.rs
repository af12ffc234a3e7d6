//! Custodians in software. Each custodian has words, and tokens whose keys are in this process. The modules in this
//! directory make valid and invalid files for these custodians.

#![allow(clippy::too_many_lines, reason = "many functions are tables of vectors")]

pub mod attested;
pub mod certificate;
pub mod chains;
pub mod forge;
pub mod points;
pub mod recipes;
pub mod statement;
pub mod vector;
pub mod x509;

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::enrolment;
use breakglass::custody::part::{Part, TypedWords, WordsError};
use breakglass::custody::token::{Held, Slot, Token, TokenError};
use breakglass::secret::{Secret, SecretText};
use breakglass::vault::firmware::Firmware;
use breakglass::vault::manifest::{self, Attested, TokenKeys};
use breakglass::vault::share::{self, Point};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// Returns random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system should return random bytes");
    bytes
}

/// Prints a figure, even if the test passes. The test harness captures only the output of macros such as `println!`.
pub fn figure(text: &str) {
    let _ = std::io::stderr().write_all(format!("figure: {text}\n").as_bytes());
}

/// Returns the part that twelve words encode.
pub fn part(words: &str) -> Result<Part, WordsError> {
    let mut typed = TypedWords::default();
    typed.add(words)?;
    typed.part()
}

/// A PIV token in software. The token accepts any PIN.
#[derive(Clone)]
pub struct SoftToken {
    pub serial: u32,
    pub decryption: p256::SecretKey,
    pub signing: p256::SecretKey,
}

impl SoftToken {
    /// Makes a token with new keys.
    pub fn new(serial: u32) -> Self {
        let key =
            || p256::SecretKey::from_slice(&random::<32>()).expect("32 random bytes should be a P-256 key");
        Self { serial, decryption: key(), signing: key() }
    }

    /// Returns the token's entry in the manifest.
    pub fn entry(&self) -> manifest::EnrolledToken {
        manifest::EnrolledToken {
            attestation: Attested::None,
            firmware: Firmware([5, 7, 2]),
            keys: TokenKeys::Piv { decryption_slot: "82".into(), signing_slot: "83".into() },
            recipient: share::tag_recipient(&compressed(&self.decryption)),
            serial: self.serial,
            signing_key: BASE64_STANDARD
                .encode(enrolment::spki(&point(&self.signing)).expect("the signing key should be encoded")),
        }
    }
}

/// A challenge-response token in software. A real token stores the secret in a slot of the OTP application.
#[derive(Clone)]
pub struct ChallengeToken {
    pub serial: u32,
    pub secret: [u8; 20],
    pub challenges: [[u8; 32]; 2],
}

impl ChallengeToken {
    /// Makes a token with a new secret.
    pub fn new(serial: u32) -> Self {
        Self { serial, secret: random(), challenges: [random(), random()] }
    }

    /// Returns the token's entry in the manifest. The function derives the keys as `vault-format.md` specifies.
    pub fn entry(&self, enrolment: &[u8; 16]) -> manifest::EnrolledToken {
        let decryption = self.derived(enrolment, 0, b"breakglass/challenge x25519 v1");
        let private = x25519_dalek::StaticSecret::from(decryption);
        let public = x25519_dalek::PublicKey::from(&private).to_bytes();
        let signing = self.signing_key(enrolment);
        let recipient = forge::part_recipient("age", &public).as_str().unwrap().to_owned();
        let [decryption_challenge, signing_challenge] = self.challenges.map(hex::encode);
        manifest::EnrolledToken {
            attestation: Attested::None,
            firmware: Firmware([5, 4, 3]),
            keys: TokenKeys::Challenge { decryption_challenge, signing_challenge, slot: 2 },
            recipient,
            serial: self.serial,
            signing_key: BASE64_STANDARD
                .encode(enrolment::spki(&point(&signing)).expect("the signing key should be encoded")),
        }
    }

    /// Returns the token's signing key.
    pub fn signing_key(&self, enrolment: &[u8; 16]) -> p256::SecretKey {
        let signing = self.derived(enrolment, 1, b"breakglass/challenge p256 v1\0");
        p256::SecretKey::from_slice(&signing).expect("32 random bytes should be a P-256 key")
    }

    /// Derives 32 bytes from the token's answer to a challenge. The argument `challenge` is 0 for the decryption
    /// challenge and 1 for the signing challenge.
    fn derived(&self, enrolment: &[u8; 16], challenge: usize, info: &[u8]) -> [u8; 32] {
        let answer = answer(&self.secret, enrolment, &self.challenges[challenge]);
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(enrolment), &answer).expand(info, &mut key).unwrap();
        key
    }
}

/// Computes a token's answer to a challenge. The answer is the HMAC-SHA1, under the token's secret, of the 64 bytes
/// that are sent to the token.
pub fn answer(secret: &[u8; 20], enrolment: &[u8; 16], challenge: &[u8; 32]) -> [u8; 20] {
    let hmac = Hmac::<Sha1>::new_from_slice(secret).unwrap();
    hmac.chain_update(sent(enrolment, challenge)).finalize().into_bytes().into()
}

/// Returns the 64 bytes that are sent to a token for a challenge.
pub fn sent(enrolment: &[u8; 16], challenge: &[u8; 32]) -> [u8; 64] {
    Sha512::digest([b"breakglass/challenge v1", &enrolment[..], challenge].concat()).into()
}

/// Returns the uncompressed public point of a key.
pub fn point(key: &p256::SecretKey) -> Point {
    key.public_key()
        .to_sec1_point(false)
        .as_bytes()
        .try_into()
        .expect("an uncompressed point should have 65 bytes")
}

fn compressed(key: &p256::SecretKey) -> [u8; 33] {
    key.public_key()
        .to_sec1_point(true)
        .as_bytes()
        .try_into()
        .expect("a compressed point should have 33 bytes")
}

impl Token for SoftToken {
    fn serial(&self) -> u32 {
        self.serial
    }

    fn tries_left(&mut self) -> Result<u8, TokenError> {
        Ok(3)
    }

    fn held(&mut self, slot: Slot) -> Result<Option<Held>, TokenError> {
        let key = match slot.number() {
            0x82 => &self.decryption,
            0x83 => &self.signing,
            _ => return Ok(None),
        };
        Ok(Some(Held { point: point(key), touch: true }))
    }

    fn verify(&mut self, _: &SecretText) -> Result<(), TokenError> {
        Ok(())
    }

    fn agree(&mut self, slot: Slot, other: &Point) -> Result<Secret<32>, TokenError> {
        assert_eq!(slot.number(), 0x82, "the library should use the decryption slot of the manifest");
        let public = p256::PublicKey::from_sec1_bytes(other)
            .expect("the library should send only points on the curve to a token");
        let shared = p256::ecdh::diffie_hellman(self.decryption.to_nonzero_scalar(), public.as_affine());
        Ok(Secret::with(|out| out.copy_from_slice(shared.raw_secret_bytes())))
    }

    fn sign(&mut self, _: Slot, digest: &[u8; 32]) -> Result<Vec<u8>, TokenError> {
        let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(&self.signing)
            .sign_prehash(digest)
            .expect("a digest of 32 bytes should be signed");
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// A custodian with a name, words on a sheet, and one or more tokens.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub words: String,
    pub enrolment: [u8; 16],
    pub tokens: Vec<SoftToken>,
    /// The challenge-response tokens. In the manifest, a custodian's challenge-response tokens follow the PIV tokens.
    pub challenge_tokens: Vec<ChallengeToken>,
}

/// The names of the custodians, in the order of their indexes.
const NAMES: [&str; 17] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim", "leo",
    "mallory", "nina", "olivia", "peggy", "quentin",
];

/// Makes `count` custodians. Each custodian has `tokens` PIV tokens.
pub fn people(count: usize, tokens: usize) -> Vec<Person> {
    let person = |(name, number): (&&str, u32)| Person {
        name: (*name).to_owned(),
        words: Part::generate().words().collect::<Vec<_>>().join(" "),
        enrolment: random(),
        tokens: (0..tokens)
            .map(|t| SoftToken::new(10_000_000 + number * 10 + u32::try_from(t).unwrap()))
            .collect(),
        challenge_tokens: Vec::new(),
    };
    NAMES[..count].iter().zip(1..).map(person).collect()
}

impl Person {
    /// Returns the custodian's entry in the manifest, without a commitment.
    pub fn entry(&self, index: u8) -> manifest::Custodian {
        let identity =
            part(&self.words).expect("the custodian's words should be valid").identity(&self.enrolment);
        manifest::Custodian {
            commitment: None,
            enrolment: hex::encode(self.enrolment),
            enrolment_sha256: hex::encode(random::<32>()),
            fingerprint_checked: true,
            index,
            name: self.name.clone(),
            part: identity.to_public().to_string(),
            tokens: self
                .tokens
                .iter()
                .map(SoftToken::entry)
                .chain(self.challenge_tokens.iter().map(|token| token.entry(&self.enrolment)))
                .collect(),
        }
    }
}
