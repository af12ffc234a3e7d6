//! What enrolment asks of a YubiKey: its credentials' state, two new keys, their attestation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use der::Encode as _;
use yubikey::piv::{self, AlgorithmId, ManagementSlotId, SlotId};
use yubikey::{MgmKey, ObjectId, PinPolicy, TouchPolicy, certificate::CertInfo};

use super::piv::{PivToken, id, point, reason};
use crate::custody::token::{Slot, Token as _, TokenError};
use crate::secret::SecretText;
use crate::vault::share::Point;

/// The PIN that every YubiKey is sold with.
pub const FACTORY_PIN: &str = "123456";

/// The PUK that every YubiKey is sold with.
pub const FACTORY_PUK: &str = "12345678";

/// The device's own attestation certificate.
const ATTESTATION_CERTIFICATE: ObjectId = 0x005f_ff01;

/// The certificate object of slot 82; the others follow (SP 800-73-4 part 1, table 3).
const FIRST_RETIRED_CERTIFICATE: ObjectId = 0x005f_c10d;

/// How the management key is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Management {
    /// Factory-set.
    Factory,
    /// On the device, readable with the PIN.
    Protected,
    /// Somebody knows it.
    Custom,
}

/// A key pair made on the device.
pub struct Made {
    /// Where.
    pub slot: Slot,
    /// Its public half.
    pub point: Point,
}

impl PivToken {
    /// `major.minor.patch`.
    pub fn firmware(&self) -> String {
        self.key.version().to_string()
    }

    /// Whether PIN and PUK are still the factory's.
    ///
    /// # Errors
    /// See [`TokenError`]; firmware before 5.3 cannot tell.
    pub fn factory_pin_and_puk(&mut self) -> Result<(bool, bool), TokenError> {
        let mut ask = |slot| {
            let metadata = piv::metadata(&mut self.key, SlotId::Management(slot)).map_err(reason)?;
            metadata.default.ok_or(TokenError::Failed("it does not say whether its PIN is the factory's"))
        };
        Ok((ask(ManagementSlotId::Pin)?, ask(ManagementSlotId::Puk)?))
    }

    /// Changes the PIN.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn change_pin(&mut self, old: &SecretText, new: &SecretText) -> Result<(), TokenError> {
        self.key.change_pin(old.expose().as_bytes(), new.expose().as_bytes()).map_err(reason)
    }

    /// Changes the PUK.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn change_puk(&mut self, old: &SecretText, new: &SecretText) -> Result<(), TokenError> {
        self.key.change_puk(old.expose().as_bytes(), new.expose().as_bytes()).map_err(reason)
    }

    /// The first two retired slots that hold neither a key nor a certificate.
    ///
    /// # Errors
    /// See [`TokenError`]; also when fewer than two are free.
    pub fn free_slots(&mut self) -> Result<(Slot, Slot), TokenError> {
        let mut free = Vec::new();
        for slot in Slot::all() {
            if self.is_free(slot)? {
                free.push(slot);
            }
            if let [first, second] = free[..] {
                return Ok((first, second));
            }
        }
        Err(TokenError::Failed("fewer than two of its retired slots (82-95) are free"))
    }

    fn is_free(&mut self, slot: Slot) -> Result<bool, TokenError> {
        match piv::metadata(&mut self.key, id(slot)) {
            Err(yubikey::Error::NotFound) => self.is_unmarked(slot),
            // A key this program cannot read is a key all the same.
            Ok(_) | Err(yubikey::Error::ParseError | yubikey::Error::AlgorithmError) => Ok(false),
            Err(other) => Err(reason(other)),
        }
    }

    /// Whether the slot's certificate object is empty: some programs count a slot as taken by that alone.
    fn is_unmarked(&mut self, slot: Slot) -> Result<bool, TokenError> {
        let object = FIRST_RETIRED_CERTIFICATE + ObjectId::from(slot.number() - 0x82);
        match self.key.fetch_object(object) {
            Ok(bytes) => Ok(bytes.is_empty()),
            Err(why) => match reason(why) {
                lost @ (TokenError::Gone | TokenError::Busy) => Err(lost),
                _ => Ok(true),
            },
        }
    }

    /// Verifies the PIN and authenticates with the management key, factory-set or PIN-protected.
    ///
    /// # Errors
    /// See [`TokenError`]; `Ok(Management::Custom)` when it is neither.
    pub fn authenticate(&mut self, pin: &SecretText) -> Result<Management, TokenError> {
        self.verify(pin)?;
        if let Ok(factory) = MgmKey::get_default(&self.key)
            && self.key.authenticate(&factory).is_ok()
        {
            return Ok(Management::Factory);
        }
        match MgmKey::get_protected(&mut self.key) {
            Ok(key) => self.key.authenticate(&key).map_err(reason).map(|()| Management::Protected),
            Err(yubikey::Error::PcscError { inner }) => Err(reason(yubikey::Error::PcscError { inner })),
            Err(_) => Ok(Management::Custom),
        }
    }

    /// Makes a P-256 key on the device: PIN policy once, touch policy always.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn generate(&mut self, slot: Slot) -> Result<Made, TokenError> {
        let algorithm = AlgorithmId::EccP256;
        let key = piv::generate(&mut self.key, id(slot), algorithm, PinPolicy::Once, TouchPolicy::Always)
            .map_err(reason)?;
        let der = key.to_der().map_err(|_| TokenError::Failed("its public key does not encode"))?;
        let point = point(&der).ok_or(TokenError::Failed("it made no P-256 key"))?;
        Ok(Made { slot, point })
    }

    /// The attestation certificate of a slot, DER, unchecked.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn attest(&mut self, slot: Slot) -> Result<Vec<u8>, TokenError> {
        // The crate indexes into an empty answer of a broken token.
        let asked = catch_unwind(AssertUnwindSafe(|| piv::attest(&mut self.key, id(slot))));
        let answer = asked.map_err(|_| TokenError::Failed("its attestation is empty"))?;
        Ok(answer.map_err(reason)?.to_vec())
    }

    /// The device's own attestation certificate (slot F9), DER, unchecked.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn device_certificate(&mut self) -> Result<Vec<u8>, TokenError> {
        let unreadable = TokenError::Failed("its attestation certificate (slot F9) is not readable");
        let object = self.key.fetch_object(ATTESTATION_CERTIFICATE).map_err(|e| match reason(e) {
            TokenError::Gone => TokenError::Gone,
            _ => unreadable,
        })?;
        certificate(&object).ok_or(unreadable)
    }

    /// Leaves `certificate` in the slot, so that other programs see that it is taken.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn mark(&mut self, slot: Slot, certificate: &[u8]) -> Result<(), TokenError> {
        let certificate = yubikey::Certificate::from_bytes(certificate.to_vec()).map_err(reason)?;
        certificate.write(&mut self.key, id(slot), CertInfo::Uncompressed).map_err(reason)
    }
}

/// The certificate of a PIV certificate object: tag 70, then 71 and FE (SP 800-73-4 part 1, table 10).
fn certificate(object: &[u8]) -> Option<Vec<u8>> {
    let body = object.strip_prefix(&[0x70])?;
    let (length, rest) = match *body.first()? {
        0x82 => (usize::from(u16::from_be_bytes([*body.get(1)?, *body.get(2)?])), body.get(3..)?),
        0x81 => (usize::from(*body.get(1)?), body.get(2..)?),
        short @ 0..=0x7f => (usize::from(short), body.get(1..)?),
        _ => return None,
    };
    rest.get(..length).map(<[u8]>::to_vec)
}
