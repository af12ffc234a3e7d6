//! One custodian's share in the file: two halves, each wrapped in standard age stanzas.
//!
//! share = a XOR b with `a` fresh and random. `a` is wrapped to each of the custodian's tokens (p256tag), `b`
//! to their part (X25519). The body of `-> breakglass/share INDEX` is these stanzas in their text form.

use age_core::format::{FileKey, Stanza, read, write};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hkdf::HkdfExtract;
use sha2::{Digest as _, Sha256};

use super::manifest::Custodian;
use super::quorum::{KEY, Share};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The stanza's type.
pub const TAG: &str = "breakglass/share";

/// The salt and HPKE info of p256tag (C2SP age.md).
pub const P256TAG: &str = "age-encryption.org/p256tag";

/// A P-256 point, uncompressed (SEC 1 section 2.3.3).
pub type Point = [u8; 65];

/// The token half as one token finds it: an HPKE encapsulation and what it seals.
#[derive(Debug)]
pub struct TokenStanza {
    /// The ephemeral public key.
    pub enc: Point,
    /// The sealed half, 16 bytes and a tag of 16.
    pub sealed: [u8; 32],
}

/// Both halves, still wrapped.
#[derive(Debug)]
pub struct Halves {
    /// For each of the custodian's tokens, in the manifest's order.
    pub tokens: Vec<TokenStanza>,
    /// For the part.
    pub part: Stanza,
}

/// Wraps `share` for its custodian.
///
/// # Panics
/// When a recipient does not parse; the manifest has been checked before.
pub fn wrap(share: &Share, custodian: &Custodian) -> Stanza {
    let a = Secret::<KEY>::random();
    let b = xor(share.value.expose(), a.expose());
    let mut body = Vec::new();
    for token in &custodian.tokens {
        let recipient: age::tag::Recipient = token.recipient.parse().expect("checked with the manifest");
        push(&mut body, &recipient, &a);
    }
    let recipient: age::x25519::Recipient = custodian.part.parse().expect("checked with the manifest");
    push(&mut body, &recipient, &b);
    Stanza { tag: TAG.into(), args: vec![share.index.to_string()], body }
}

fn push(body: &mut Vec<u8>, recipient: &dyn age::Recipient, half: &Secret<KEY>) {
    let key = FileKey::init_with_mut(|key| key.copy_from_slice(half.expose()));
    let (stanzas, _) = recipient.wrap_file_key(&key).expect("wrapping to a checked recipient cannot fail");
    for stanza in &stanzas {
        put(body, stanza);
    }
}

/// Appends a stanza in its text form (C2SP age.md, "recipient stanza").
///
/// # Panics
/// Never: writing to memory does not fail.
pub fn put(out: &mut Vec<u8>, stanza: &Stanza) {
    let write = write::age_stanza(&stanza.tag, &stanza.args, &stanza.body);
    cookie_factory::r#gen(write, out).expect("memory takes every write");
}

/// Reads the share stanza of `custodian`, every byte of it canonical.
///
/// # Errors
/// [`crate::error::Status::Damaged`], naming the custodian.
pub fn parse(stanza: &Stanza, custodian: &Custodian) -> Result<Halves> {
    let damaged = |why: &str| Error::damaged(format!("the share of {} is not valid: {why}", custodian.name));
    if stanza.tag != TAG || stanza.args != [custodian.index.to_string()] {
        return Err(damaged("it is not in its place"));
    }
    let mut rest = stanza.body.as_slice();
    let mut inner = Vec::new();
    for _ in 0..=custodian.tokens.len() {
        let (after, one) = read::age_stanza(rest).map_err(|_| damaged("its body is not age stanzas"))?;
        inner.push(Stanza::from(one));
        rest = after;
    }
    let mut canonical = Vec::with_capacity(stanza.body.len());
    for one in &inner {
        put(&mut canonical, one);
    }
    if canonical != stanza.body {
        return Err(damaged("there is more in it than its tokens and its part"));
    }
    let part = inner.pop().ok_or_else(|| damaged("it is empty"))?;
    if !is_x25519(&part) {
        return Err(damaged("its part half is no X25519 stanza"));
    }
    let tokens = inner
        .iter()
        .zip(&custodian.tokens)
        .map(|(one, token)| token_stanza(one, &token.recipient))
        .collect::<Option<_>>()
        .ok_or_else(|| damaged("a token half is no p256tag stanza for its token"))?;
    Ok(Halves { tokens, part })
}

/// Whether it is an X25519 stanza of canonical form (C2SP age.md, "X25519 recipient stanza").
fn is_x25519(stanza: &Stanza) -> bool {
    let [ephemeral] = stanza.args.as_slice() else { return false };
    let length = BASE64_STANDARD_NO_PAD.decode(ephemeral).map(|point| point.len());
    stanza.tag == "X25519" && length == Ok(32) && stanza.body.len() == KEY + 16
}

fn token_stanza(stanza: &Stanza, recipient: &str) -> Option<TokenStanza> {
    let [tag, enc] = stanza.args.as_slice() else { return None };
    let enc: Point = BASE64_STANDARD_NO_PAD.decode(enc).ok()?.try_into().ok()?;
    // A point that is not on the curve must never reach a card.
    p256::PublicKey::from_sec1_bytes(&enc).ok()?;
    let sealed = stanza.body.as_slice().try_into().ok()?;
    let expected = BASE64_STANDARD_NO_PAD.encode(hint(&enc, &compressed(recipient)?));
    (stanza.tag == "p256tag" && *tag == expected).then_some(TokenStanza { enc, sealed })
}

/// The four bytes by which a token recognises a stanza as its own (C2SP age.md, p256tag).
fn hint(enc: &Point, compressed: &[u8; 33]) -> [u8; 4] {
    let mut extract = HkdfExtract::<Sha256>::new(Some(P256TAG.as_bytes()));
    extract.input_ikm(enc);
    extract.input_ikm(&Sha256::digest(compressed)[..4]);
    let (prk, _) = extract.finalize();
    [prk[0], prk[1], prk[2], prk[3]]
}

/// The compressed point that an `age1tag1…` recipient encodes.
pub fn compressed(recipient: &str) -> Option<[u8; 33]> {
    let (hrp, bytes) = bech32::decode(recipient).ok()?;
    (hrp.as_str() == "age1tag").then_some(())?;
    bytes.try_into().ok()
}

/// The `age1tag1…` recipient of a compressed point.
///
/// # Panics
/// Never: 33 bytes fit.
pub fn tag_recipient(compressed: &[u8; 33]) -> String {
    let hrp = bech32::Hrp::parse_unchecked("age1tag");
    bech32::encode::<bech32::Bech32>(hrp, compressed).expect("a point fits into Bech32")
}

/// The half that an identity finds in a stanza, if it is for that identity.
pub fn unwrap(identity: &dyn age::Identity, stanza: &Stanza) -> Option<Secret<KEY>> {
    let key = identity.unwrap_stanza(stanza)?.ok()?;
    Some(Secret::with(|own| own.copy_from_slice(key.expose_secret())))
}

/// The share of its two halves.
pub fn join(index: u8, a: &Secret<KEY>, b: &Secret<KEY>) -> Share {
    Share { index, value: xor(a.expose(), b.expose()) }
}

fn xor(a: &[u8; KEY], b: &[u8; KEY]) -> Secret<KEY> {
    Secret::with(|out| out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a ^ b))
}
