//! Enrolment on a YubiKey: checks PIN, PUK and management key, generates two keys, and reads their attestation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use der::Encode as _;
use yubikey::piv::{self, AlgorithmId, ManagementSlotId, SlotId};
use yubikey::{MgmKey, ObjectId, PinPolicy, TouchPolicy, certificate::CertInfo};

use super::piv::{PivToken, id, point, reason};
use crate::custody::token::{Slot, Token as _, TokenError};
use crate::secret::SecretText;
use crate::vault::firmware::Firmware;
use crate::vault::share::Point;

/// The factory PIN of a YubiKey.
pub const FACTORY_PIN: &str = "123456";

/// The factory PUK of a YubiKey.
pub const FACTORY_PUK: &str = "12345678";

/// The PIV object with the device's attestation certificate.
const ATTESTATION_CERTIFICATE: ObjectId = 0x005f_ff01;

/// The certificate object of slot 82. The certificate objects of the slots 83 to 95 have the next 19 numbers, in the
/// order of the slots (SP 800-73-4 part 1, table 3).
const FIRST_RETIRED_CERTIFICATE: ObjectId = 0x005f_c10d;

/// The state of the management key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Management {
    /// The key is the factory key.
    Factory,
    /// The key is stored on the YubiKey and can be read with the PIN.
    Protected,
    /// The key has another value, which this program cannot read.
    Custom,
}

/// A key pair generated on the device.
pub struct GeneratedKey {
    pub slot: Slot,
    pub point: Point,
}

impl PivToken {
    /// Returns the firmware version.
    pub fn firmware(&self) -> Firmware {
        let version = self.key.version();
        Firmware([version.major, version.minor, version.patch])
    }

    /// Returns whether the PIN and the PUK still have their factory values.
    ///
    /// # Errors
    /// See [`TokenError`]. Fails on firmware before 5.3, which does not report whether a value is the factory value.
    pub fn factory_pin_and_puk(&mut self) -> Result<(bool, bool), TokenError> {
        let mut ask = |slot| {
            let metadata = piv::metadata(&mut self.key, SlotId::Management(slot)).map_err(reason)?;
            metadata
                .default
                .ok_or(TokenError::Failed("the firmware does not report whether the PIN is the factory PIN"))
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

    /// Returns the first two retired slots that hold neither a key nor a certificate.
    ///
    /// # Errors
    /// See [`TokenError`]. Fails also if fewer than two slots are free.
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
        Err(TokenError::Failed("fewer than two of the retired slots (82-95) are free"))
    }

    fn is_free(&mut self, slot: Slot) -> Result<bool, TokenError> {
        match piv::metadata(&mut self.key, id(slot)) {
            Err(yubikey::Error::NotFound) => self.is_unmarked(slot),
            // A slot is also in use if it has a key that the program cannot read.
            Ok(_) | Err(yubikey::Error::ParseError | yubikey::Error::AlgorithmError) => Ok(false),
            Err(other) => Err(reason(other)),
        }
    }

    /// Returns whether the slot's certificate object is empty. Some programs treat a slot that has a certificate as a
    /// slot in use.
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

    /// Verifies the PIN. Then authenticates with the management key, if the management key is the factory key or is
    /// protected by the PIN. For any other management key, returns `Management::Custom` without authentication.
    ///
    /// # Errors
    /// See [`TokenError`].
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

    /// Generates a P-256 key on the device, with the PIN policy *once* and the touch policy *always*.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn generate(&mut self, slot: Slot) -> Result<GeneratedKey, TokenError> {
        let algorithm = AlgorithmId::EccP256;
        let key = piv::generate(&mut self.key, id(slot), algorithm, PinPolicy::Once, TouchPolicy::Always)
            .map_err(reason)?;
        let der = key.to_der().map_err(|_| TokenError::Failed("the public key cannot be encoded"))?;
        let point = point(&der).ok_or(TokenError::Failed("the new key is not a P-256 key"))?;
        Ok(GeneratedKey { slot, point })
    }

    /// Reads the attestation certificate of a slot as DER, but does not check the certificate.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn attest(&mut self, slot: Slot) -> Result<Vec<u8>, TokenError> {
        // The yubikey crate panics if a broken token returns an empty answer.
        let asked = catch_unwind(AssertUnwindSafe(|| piv::attest(&mut self.key, id(slot))));
        let answer = asked.map_err(|_| TokenError::Failed("the attestation is empty"))?;
        Ok(answer.map_err(reason)?.to_vec())
    }

    /// Reads the device's attestation certificate (slot F9) as DER, but does not check the certificate.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn device_certificate(&mut self) -> Result<Vec<u8>, TokenError> {
        let unreadable = TokenError::Failed("the attestation certificate (slot F9) is not readable");
        let object = self.key.fetch_object(ATTESTATION_CERTIFICATE).map_err(|e| match reason(e) {
            TokenError::Gone => TokenError::Gone,
            _ => unreadable,
        })?;
        certificate(&object).ok_or(unreadable)
    }

    /// Writes `certificate` to the slot, so that other programs see that the slot is in use.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn mark(&mut self, slot: Slot, certificate: &[u8]) -> Result<(), TokenError> {
        let certificate = yubikey::Certificate::from_bytes(certificate.to_vec()).map_err(reason)?;
        certificate.write(&mut self.key, id(slot), CertInfo::Uncompressed).map_err(reason)
    }
}

/// Returns the certificate in a PIV certificate object. In the object, the certificate has the tag 70. Fields with
/// the tags 71 and FE follow the certificate (SP 800-73-4 part 1, table 10).
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
