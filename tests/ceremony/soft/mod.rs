//! Software custodians: parts as words, tokens as keys in this process, and valid and invalid files.

pub mod attested;
pub mod certificate;
pub mod chains;
pub mod forge;
pub mod points;
pub mod recipes;
pub mod vector;
pub mod x509;

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

/// Random bytes from the system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// The part of twelve words.
pub fn part(words: &str) -> Result<Part, WordsError> {
    let mut typed = TypedWords::default();
    typed.add(words)?;
    typed.part()
}

/// A token whose keys are in this process. It accepts any PIN.
#[derive(Clone)]
pub struct SoftToken {
    pub serial: u32,
    pub decryption: p256::SecretKey,
    pub signing: p256::SecretKey,
}

impl SoftToken {
    /// A token with new keys.
    pub fn new(serial: u32) -> Self {
        let key = || p256::SecretKey::from_slice(&random::<32>()).expect("all but a few numbers are keys");
        Self { serial, decryption: key(), signing: key() }
    }

    /// Its entry in the manifest.
    pub fn entry(&self) -> manifest::EnrolledToken {
        manifest::EnrolledToken {
            attestation: Attested::None,
            firmware: Firmware([5, 7, 2]),
            keys: TokenKeys::Piv { decryption_slot: "82".into(), signing_slot: "83".into() },
            recipient: share::tag_recipient(&compressed(&self.decryption)),
            serial: self.serial,
            signing_key: BASE64_STANDARD.encode(enrolment::spki(&point(&self.signing)).expect("a point")),
        }
    }
}

/// A challenge-response token: a secret in a slot of the OTP application.
#[derive(Clone)]
pub struct ChallengeToken {
    pub serial: u32,
    pub secret: [u8; 20],
    pub challenges: [[u8; 32]; 2],
}

impl ChallengeToken {
    /// A token with a new secret.
    pub fn new(serial: u32) -> Self {
        Self { serial, secret: random(), challenges: [random(), random()] }
    }

    /// Its entry in the manifest. The keys are derived here as `vault-format.md` says.
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
            signing_key: BASE64_STANDARD.encode(enrolment::spki(&point(&signing)).expect("a point")),
        }
    }

    /// Its signing key.
    pub fn signing_key(&self, enrolment: &[u8; 16]) -> p256::SecretKey {
        let signing = self.derived(enrolment, 1, b"breakglass/challenge p256 v1\0");
        p256::SecretKey::from_slice(&signing).expect("all but a few numbers are keys")
    }

    /// Derives 32 bytes from the answer to one of the two challenges.
    fn derived(&self, enrolment: &[u8; 16], challenge: usize, info: &[u8]) -> [u8; 32] {
        let answer = answer(&self.secret, enrolment, &self.challenges[challenge]);
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(enrolment), &answer).expand(info, &mut key).unwrap();
        key
    }
}

/// The answer of a token with this secret to a challenge: HMAC-SHA1 of the 64 bytes that are sent.
pub fn answer(secret: &[u8; 20], enrolment: &[u8; 16], challenge: &[u8; 32]) -> [u8; 20] {
    let hmac = Hmac::<Sha1>::new_from_slice(secret).unwrap();
    hmac.chain_update(sent(enrolment, challenge)).finalize().into_bytes().into()
}

/// The 64 bytes that are sent to a token for a challenge.
pub fn sent(enrolment: &[u8; 16], challenge: &[u8; 32]) -> [u8; 64] {
    Sha512::digest([b"breakglass/challenge v1", &enrolment[..], challenge].concat()).into()
}

/// The public point, uncompressed.
pub fn point(key: &p256::SecretKey) -> Point {
    key.public_key().to_sec1_point(false).as_bytes().try_into().expect("65 bytes")
}

fn compressed(key: &p256::SecretKey) -> [u8; 33] {
    key.public_key().to_sec1_point(true).as_bytes().try_into().expect("33 bytes")
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
        assert_eq!(slot.number(), 0x82, "the manifest's decryption slot");
        let public = p256::PublicKey::from_sec1_bytes(other).expect("no point off the curve reaches a token");
        let shared = p256::ecdh::diffie_hellman(self.decryption.to_nonzero_scalar(), public.as_affine());
        Ok(Secret::with(|out| out.copy_from_slice(shared.raw_secret_bytes())))
    }

    fn sign(&mut self, _: Slot, digest: &[u8; 32]) -> Result<Vec<u8>, TokenError> {
        let signature: p256::ecdsa::Signature =
            p256::ecdsa::SigningKey::from(&self.signing).sign_prehash(digest).expect("32 bytes");
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// A custodian: a name, the words on a sheet, one or more tokens.
#[derive(Clone)]
pub struct Person {
    pub name: String,
    pub words: String,
    pub enrolment: [u8; 16],
    pub tokens: Vec<SoftToken>,
    /// Challenge-response tokens; they come after the others.
    pub challenge_tokens: Vec<ChallengeToken>,
}

/// The names, in the order of their indexes.
const NAMES: [&str; 17] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "kim", "leo",
    "mallory", "nina", "olivia", "peggy", "quentin",
];

/// This many custodians, each with this many tokens.
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
    /// Their entry in the manifest, without a commitment.
    pub fn entry(&self, index: u8) -> manifest::Custodian {
        let identity = part(&self.words).expect("their own words").identity(&self.enrolment);
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
