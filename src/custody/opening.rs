//! Opens one custodian's share. The custodian's part decrypts one half of the share, and the token decrypts the other
//! half. The joined share is checked against its commitment.

use std::fmt;

use super::part::Part;
use super::token::{CHALLENGE_RESPONSE, Held, Slot, Token, TokenError};
use crate::error::Error;
use crate::secret::{Secret, SecretText};
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Custodian, Manifest, TokenKeys};
use crate::vault::quorum::{KEY, Share};
use crate::vault::share::{self, P256TAG, TokenStanza};
use crate::vault::{challenge, hpke, x25519};

/// The owner of a part: the 16 bytes that a custodian's twelve words encode.
pub enum PartOwner<'a> {
    /// The part belongs to the expected custodian. The field is the half of the share that the part decrypts.
    Expected(Secret<KEY>),
    /// The part belongs to another custodian of this vault (vault-format.md: `words of another custodian`).
    Other(&'a Custodian),
    /// The part belongs to no enrolment of this vault (vault-format.md: `unknown words`). The part might belong to
    /// another vault or to an older enrolment.
    Unknown,
}

/// The error for a share that does not match its vault, because the file was changed (vault-format.md: `damaged` at
/// `share`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DamagedShare {
    /// The custodian's name.
    pub custodian: String,
}

/// The reason why a share was not opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ShareError {
    /// The token failed. This error says nothing about the vault file.
    Token(TokenError),
    /// A half of the share does not decrypt, or the share does not match its commitment.
    Damaged(DamagedShare),
}

/// Finds the custodian whose token has this serial number.
pub fn owner(manifest: &Manifest, serial: u32) -> Option<(&Custodian, &manifest::EnrolledToken)> {
    manifest
        .custodians
        .iter()
        .find_map(|custodian| Some((custodian, custodian.tokens.iter().find(|t| t.serial == serial)?)))
}

/// Finds the owner of `part`. This check needs no token.
///
/// # Errors
/// Returns [`DamagedShare`] if the part belongs to `custodian`, but does not decrypt the custodian's share.
pub fn recognise<'a>(
    vault: &'a Vault,
    custodian: &Custodian,
    part: &Part,
) -> Result<PartOwner<'a>, DamagedShare> {
    let seed = part.seed();
    let is_of = |other: &Custodian| {
        let identity = seed.identity(&enrolment_id(other));
        (identity.to_public().to_string() == other.part).then_some(identity)
    };
    if let Some(identity) = is_of(custodian) {
        let half = vault.halves(custodian.index).and_then(|halves| identity.unwrap(&halves.part));
        return half.map(PartOwner::Expected).ok_or_else(|| DamagedShare::of(custodian));
    }
    let other = vault.manifest.custodians.iter().find(|other| is_of(other).is_some());
    Ok(other.map_or(PartOwner::Unknown, PartOwner::Other))
}

impl DamagedShare {
    fn of(custodian: &Custodian) -> Self {
        Self { custodian: custodian.name.clone() }
    }
}

impl fmt::Display for DamagedShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the share of {} does not match this vault: the file was changed", self.custodian)
    }
}

impl std::error::Error for DamagedShare {}

impl From<DamagedShare> for Error {
    fn from(why: DamagedShare) -> Self {
        Self::damaged(why.to_string()).or_another_copy()
    }
}

impl From<DamagedShare> for ShareError {
    fn from(why: DamagedShare) -> Self {
        Self::Damaged(why)
    }
}

impl From<TokenError> for ShareError {
    fn from(why: TokenError) -> Self {
        Self::Token(why)
    }
}

/// Returns the key in the token's decryption slot. Returns `None` if this key is not the enrolled key.
///
/// # Errors
/// See [`TokenError`].
pub fn enrolled(
    token: &mut dyn Token,
    enrolled: &manifest::EnrolledToken,
) -> Result<Option<Held>, TokenError> {
    let TokenKeys::Piv { decryption_slot, .. } = &enrolled.keys else { return Err(CHALLENGE_RESPONSE) };
    let Some(slot) = Slot::parse(decryption_slot) else { return Ok(None) };
    let held = token.held(slot)?;
    Ok(held.filter(|held| share::compressed(&enrolled.recipient) == Some(compress(&held.point))))
}

/// Verifies the PIN, and decrypts the token's half of the share by ECDH. Joins this half with `half`, which the part
/// has decrypted.
///
/// # Errors
/// See [`ShareError`].
pub fn open(
    vault: &Vault,
    custodian: &Custodian,
    enrolled: &manifest::EnrolledToken,
    token: &mut dyn Token,
    pin: &SecretText,
    half: &Secret<KEY>,
    touch: &mut dyn FnMut(),
) -> Result<Share, ShareError> {
    let damaged = || DamagedShare::of(custodian);
    let TokenKeys::Piv { decryption_slot, .. } = &enrolled.keys else {
        return Err(CHALLENGE_RESPONSE.into());
    };
    let slot = Slot::parse(decryption_slot).ok_or_else(damaged)?;
    let TokenStanza::P256 { enc, sealed } = token_half(vault, custodian, enrolled)? else {
        return Err(damaged().into());
    };
    let point = share::compressed(&enrolled.recipient).and_then(|c| decompress(&c)).ok_or_else(damaged)?;
    token.verify(pin)?;
    touch();
    let ecdh = token.agree(slot, enc)?;
    let token_half = hpke::open(&ecdh, enc, &point, P256TAG.as_bytes(), sealed).ok_or_else(damaged)?;
    Ok(join(vault, custodian, &token_half, half)?)
}

/// The reason why the answer of a challenge-response token did not open a share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AnswerError {
    /// The key that is derived from the answer is not the enrolled key (vault-format.md: `wrong token`).
    OtherKey,
    /// A half of the share does not decrypt, or the share does not match its commitment.
    Damaged(DamagedShare),
}

impl From<DamagedShare> for AnswerError {
    fn from(why: DamagedShare) -> Self {
        Self::Damaged(why)
    }
}

/// Opens the share with the answer of a challenge-response token to the decryption challenge.
///
/// # Errors
/// See [`AnswerError`].
pub fn open_with_answer(
    vault: &Vault,
    custodian: &Custodian,
    enrolled: &manifest::EnrolledToken,
    answer: &Secret<{ challenge::ANSWER }>,
    half: &Secret<KEY>,
) -> Result<Share, AnswerError> {
    let key = challenge::decryption_key(&enrolment_id(custodian), answer);
    if x25519::recipient(&x25519::public_key(&key)) != enrolled.recipient {
        return Err(AnswerError::OtherKey);
    }
    let damaged = || DamagedShare::of(custodian);
    let TokenStanza::X25519(stanza) = token_half(vault, custodian, enrolled)? else {
        return Err(damaged().into());
    };
    let token_half = stanza.open(&key).ok_or_else(damaged)?;
    Ok(join(vault, custodian, &token_half, half)?)
}

/// Returns the stanza with the token's half of the share. Only this token can decrypt the stanza.
fn token_half<'a>(
    vault: &'a Vault,
    custodian: &Custodian,
    enrolled: &manifest::EnrolledToken,
) -> Result<&'a TokenStanza, DamagedShare> {
    let place = custodian.tokens.iter().position(|t| t.serial == enrolled.serial);
    let halves = vault.halves(custodian.index);
    place
        .zip(halves)
        .and_then(|(place, halves)| halves.tokens.get(place))
        .ok_or_else(|| DamagedShare::of(custodian))
}

/// Joins both halves of the share, and checks the share against its commitment.
fn join(
    vault: &Vault,
    custodian: &Custodian,
    token_half: &Secret<KEY>,
    part_half: &Secret<KEY>,
) -> Result<Share, DamagedShare> {
    let share = share::join(custodian.index, token_half, part_half);
    if vault.manifest.admits(&share) { Ok(share) } else { Err(DamagedShare::of(custodian)) }
}

fn enrolment_id(custodian: &Custodian) -> [u8; 16] {
    let mut id = [0; 16];
    // The check of the manifest ensures that the id is 16 bytes in hex.
    let _ = hex::decode_to_slice(&custodian.enrolment, &mut id);
    id
}

fn compress(point: &share::Point) -> [u8; 33] {
    let mut compressed = [0; 33];
    compressed[0] = 2 + (point[64] & 1);
    compressed[1..].copy_from_slice(&point[1..33]);
    compressed
}

fn decompress(compressed: &[u8; 33]) -> Option<share::Point> {
    use p256::elliptic_curve::sec1::ToSec1Point as _;
    let key = p256::PublicKey::from_sec1_bytes(compressed).ok()?;
    key.to_sec1_point(false).as_bytes().try_into().ok()
}
