//! Encrypts one custodian's share in the vault file. The share is split into two halves, which are wrapped in standard
//! age stanzas.
//!
//! The share is `a` XOR `b`. The half `a` is random and new for each vault; it is wrapped to each of the custodian's
//! tokens (p256tag or X25519). The half `b` is wrapped to the custodian's part (mlkem768x25519). The body of the share
//! stanza (`-> breakglass/share INDEX`) consists of these stanzas in their text form.

use std::fmt;

use age_core::format::{FileKey, Stanza, read, write};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hkdf::HkdfExtract;
use sha2::{Digest as _, Sha256};

use super::hpke::SealedHalf;
use super::hybrid::{Recipient, Wrapped};
use super::manifest::{Custodian, TokenKeys};
use super::quorum::{KEY, Share};
use super::x25519::{self, X25519Stanza};
use crate::secret::Secret;

pub use super::hpke::Point;

/// The stanza's type.
pub const TAG: &str = "breakglass/share";

/// The salt and the HPKE info of p256tag stanzas (C2SP age.md).
pub const P256TAG: &str = "age-encryption.org/p256tag";

/// The token's half of a share (`a`), wrapped to one token.
#[derive(Debug)]
pub enum TokenStanza {
    /// The half is wrapped to a PIV token (p256tag).
    P256 {
        /// The ephemeral public key.
        enc: Point,
        /// The encrypted half.
        sealed: SealedHalf,
    },
    /// The half is wrapped to a challenge-response token.
    X25519(X25519Stanza),
}

/// Both halves of a share, encrypted.
#[derive(Debug)]
pub struct Halves {
    /// The token's half, wrapped to each of the custodian's tokens. The tokens are in the manifest's order.
    pub tokens: Vec<TokenStanza>,
    /// The part's half (`b`).
    pub part: Wrapped,
}

/// Wraps `share` for its custodian.
///
/// # Panics
/// Panics if a recipient does not parse. The check of the manifest refuses such a recipient.
pub fn wrap(share: &Share, custodian: &Custodian) -> Stanza {
    let a = Secret::<KEY>::random();
    let b = xor(share.value.expose(), a.expose());
    let mut body = Vec::new();
    for token in &custodian.tokens {
        let stanza = match token.keys {
            TokenKeys::Piv { .. } => wrap_to_tag(&token.recipient, &a),
            TokenKeys::Challenge { .. } => x25519::wrap(&token.recipient, &a),
        };
        put(&mut body, &stanza);
    }
    let recipient =
        Recipient::parse(&custodian.part).expect("this recipient was parsed when the manifest was checked");
    put(&mut body, &recipient.wrap(&b));
    Stanza { tag: TAG.into(), args: vec![share.index.to_string()], body }
}

fn wrap_to_tag(recipient: &str, half: &Secret<KEY>) -> Stanza {
    let recipient: age::tag::Recipient =
        recipient.parse().expect("this recipient was parsed when the manifest was checked");
    let key = FileKey::init_with_mut(|key| key.copy_from_slice(half.expose()));
    let wrapped = age::Recipient::wrap_file_key(&recipient, &key);
    let (stanzas, _) = wrapped.expect("wrapping to a checked recipient cannot fail");
    stanzas.into_iter().next().expect("a p256tag recipient writes one stanza")
}

/// Appends a stanza in its text form (C2SP age.md, "recipient stanza").
///
/// # Panics
/// Never panics: writing to memory cannot fail.
pub fn put(out: &mut Vec<u8>, stanza: &Stanza) {
    let write = write::age_stanza(&stanza.tag, &stanza.args, &stanza.body);
    cookie_factory::r#gen(write, out).expect("writing to memory cannot fail");
}

/// The reason why a share stanza is not valid. In vault-format.md, this failure is `damaged` at `parse`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShareFault {
    /// The stanza is not a share stanza, or has the index of another custodian.
    Order,
    /// The body does not consist of age stanzas.
    Body,
    /// The body does not consist of one stanza for each token and one stanza for the part, in canonical form.
    Extra,
    /// The part's half is not an mlkem768x25519 stanza.
    PartHalf,
    /// A stanza with the token's half has the wrong type, or is wrapped to another token.
    TokenHalf,
}

impl fmt::Display for ShareFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "its stanza is out of order",
            Self::Body => "its body is not age stanzas",
            Self::Extra => "it contains more stanzas than one for each token and one for the part",
            Self::PartHalf => "the part's half is not an mlkem768x25519 stanza",
            Self::TokenHalf => "a token's half is not a stanza of its kind for that token",
        })
    }
}

/// Reads the share stanza of `custodian`. The stanza must be in canonical form.
///
/// # Errors
/// See [`ShareFault`].
pub fn parse(stanza: &Stanza, custodian: &Custodian) -> Result<Halves, ShareFault> {
    if stanza.tag != TAG || stanza.args != [custodian.index.to_string()] {
        return Err(ShareFault::Order);
    }
    let mut rest = stanza.body.as_slice();
    let mut inner = Vec::new();
    for _ in 0..=custodian.tokens.len() {
        let (after, one) = read::age_stanza(rest).map_err(|_| ShareFault::Body)?;
        inner.push(Stanza::from(one));
        rest = after;
    }
    let mut canonical = Vec::with_capacity(stanza.body.len());
    for one in &inner {
        put(&mut canonical, one);
    }
    if canonical != stanza.body {
        return Err(ShareFault::Extra);
    }
    let part = inner.pop().ok_or(ShareFault::Body)?;
    let part = Wrapped::parse(&part).ok_or(ShareFault::PartHalf)?;
    let tokens = inner
        .iter()
        .zip(&custodian.tokens)
        .map(|(one, token)| match token.keys {
            TokenKeys::Piv { .. } => tag_stanza(one, &token.recipient),
            TokenKeys::Challenge { .. } => X25519Stanza::parse(one).map(TokenStanza::X25519),
        })
        .collect::<Option<_>>()
        .ok_or(ShareFault::TokenHalf)?;
    Ok(Halves { tokens, part })
}

fn tag_stanza(stanza: &Stanza, recipient: &str) -> Option<TokenStanza> {
    let [tag, enc] = stanza.args.as_slice() else { return None };
    let enc: Point = BASE64_STANDARD_NO_PAD.decode(enc).ok()?.try_into().ok()?;
    // The program must not send a token a point that is not on the curve.
    p256::PublicKey::from_sec1_bytes(&enc).ok()?;
    let sealed = stanza.body.as_slice().try_into().ok()?;
    let expected = BASE64_STANDARD_NO_PAD.encode(hint(&enc, &compressed(recipient)?));
    (stanza.tag == "p256tag" && *tag == expected).then_some(TokenStanza::P256 { enc, sealed })
}

/// Returns the hint: four bytes that show to which token a stanza is wrapped (C2SP age.md, p256tag).
pub fn hint(enc: &Point, compressed: &[u8; 33]) -> [u8; 4] {
    let mut extract = HkdfExtract::<Sha256>::new(Some(P256TAG.as_bytes()));
    extract.input_ikm(enc);
    extract.input_ikm(&Sha256::digest(compressed)[..4]);
    let (prk, _) = extract.finalize();
    [prk[0], prk[1], prk[2], prk[3]]
}

/// Decodes the compressed point of an `age1tag1…` recipient.
pub fn compressed(recipient: &str) -> Option<[u8; 33]> {
    let (hrp, bytes) = bech32::decode(recipient).ok()?;
    (hrp.as_str() == "age1tag").then_some(())?;
    bytes.try_into().ok()
}

/// Encodes a compressed point as an `age1tag1…` recipient.
///
/// # Panics
/// Never panics: Bech32 holds 33 bytes.
pub fn tag_recipient(compressed: &[u8; 33]) -> String {
    let hrp = bech32::Hrp::parse_unchecked("age1tag");
    bech32::encode::<bech32::Bech32>(hrp, compressed).expect("Bech32 holds 33 bytes")
}

/// Joins the two halves of a share.
pub fn join(index: u8, a: &Secret<KEY>, b: &Secret<KEY>) -> Share {
    Share { index, value: xor(a.expose(), b.expose()) }
}

fn xor(a: &[u8; KEY], b: &[u8; KEY]) -> Secret<KEY> {
    Secret::with(|out| out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a ^ b))
}
