//! Opening one share: the part's half, the token's half, the commitment.

use super::hpke;
use super::part::Part;
use super::token::{Held, Slot, Token, TokenError};
use crate::error::{Error, Result};
use crate::secret::{Secret, SecretText};
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Custodian, Manifest};
use crate::vault::quorum::{KEY, Share};
use crate::vault::share::{self, P256TAG};

/// Whose words they are.
pub enum Words<'a> {
    /// The custodian's own: their half of the share.
    Own(Secret<KEY>),
    /// Another custodian's of this vault.
    Of(&'a Custodian),
    /// Nobody's here: another vault's, or an older enrolment's.
    Foreign,
}

/// The custodian to whom the token of this serial number belongs.
pub fn owner(manifest: &Manifest, serial: u32) -> Option<(&Custodian, &manifest::Token)> {
    manifest
        .custodians
        .iter()
        .find_map(|custodian| Some((custodian, custodian.tokens.iter().find(|t| t.serial == serial)?)))
}

/// Tells whose words `part` is, before any token is asked.
///
/// # Errors
/// [`crate::error::Status::Damaged`] when the words are right and the half wrapped to them does not open.
pub fn recognise<'a>(vault: &'a Vault, custodian: &Custodian, part: &Part) -> Result<Words<'a>> {
    let seed = part.seed();
    let is_of = |other: &Custodian| {
        let identity = seed.identity(&enrolment_id(other));
        (identity.to_public().to_string() == other.part).then_some(identity)
    };
    if let Some(identity) = is_of(custodian) {
        let half = vault.halves(custodian.index).and_then(|halves| share::unwrap(&identity, &halves.part));
        return half.map(Words::Own).ok_or_else(|| damaged(custodian));
    }
    let other = vault.manifest.custodians.iter().find(|other| is_of(other).is_some());
    Ok(other.map_or(Words::Foreign, Words::Of))
}

fn damaged(custodian: &Custodian) -> Error {
    Error::damaged(format!("the share of {} does not fit this vault: the file was changed", custodian.name))
        .or_another_copy()
}

/// Whether the slot still holds the key that was enrolled.
///
/// # Errors
/// The token's own.
pub fn enrolled(token: &mut dyn Token, enrolled: &manifest::Token) -> Result<Option<Held>, TokenError> {
    let Some(slot) = Slot::parse(&enrolled.decryption_slot) else { return Ok(None) };
    let held = token.held(slot)?;
    Ok(held.filter(|held| share::compressed(&enrolled.recipient) == Some(compress(&held.point))))
}

/// Verifies the PIN and opens the share: the token's half by ECDH, joined with the part's.
///
/// # Errors
/// The token's own in the inner result; in the outer, a share that does not fit the manifest.
pub fn open(
    vault: &Vault,
    custodian: &Custodian,
    enrolled: &manifest::Token,
    token: &mut dyn Token,
    pin: &SecretText,
    half: &Secret<KEY>,
    touch: &mut dyn FnMut(),
) -> Result<Result<Share, TokenError>> {
    let damaged = || damaged(custodian);
    let place = custodian.tokens.iter().position(|t| t.serial == enrolled.serial).ok_or_else(damaged)?;
    let halves = vault.halves(custodian.index).ok_or_else(damaged)?;
    let stanza = &halves.tokens[place];
    let slot = Slot::parse(&enrolled.decryption_slot).ok_or_else(damaged)?;
    let point = share::compressed(&enrolled.recipient).and_then(|c| decompress(&c)).ok_or_else(damaged)?;
    if let Err(why) = token.verify(pin) {
        return Ok(Err(why));
    }
    touch();
    let ecdh = match token.agree(slot, &stanza.enc) {
        Ok(ecdh) => ecdh,
        Err(why) => return Ok(Err(why)),
    };
    let own =
        hpke::open(&ecdh, &stanza.enc, &point, P256TAG.as_bytes(), &stanza.sealed).ok_or_else(damaged)?;
    let share = share::join(custodian.index, &own, half);
    if vault.manifest.admits(&share) { Ok(Ok(share)) } else { Err(damaged()) }
}

fn enrolment_id(custodian: &Custodian) -> [u8; 16] {
    let mut id = [0; 16];
    // Checked with the manifest: 16 bytes of hex.
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
