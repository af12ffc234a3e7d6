//! Implements [`Token`] with the PIV application of a YubiKey (SP 800-73-4; Yubico's metadata command).

use p256::pkcs8::EncodePublicKey as _;
use pcsc::Error as Pcsc;
use yubikey::piv::{self, AlgorithmId, RetiredSlotId, SlotId};
use yubikey::{Certificate, TouchPolicy, YubiKey};

use crate::custody::token::{Held, Slot, Token, TokenError};
use crate::secret::{Secret, SecretText};
use crate::vault::share::Point;

/// The yubikey crate logs every command to the token, including PINs. If logging is not compiled out, this assertion
/// makes the build fail.
const _: () = assert!(log::STATIC_MAX_LEVEL as usize == 0, "the feature max_level_off of `log` must be on");

/// An open YubiKey. The program opens each YubiKey once and keeps it open, because selecting the PIV application
/// again would reset the PIN state.
pub struct PivToken {
    pub(super) key: YubiKey,
    reader: String,
}

impl PivToken {
    /// Wraps an open YubiKey. `reader` is the name of the PC/SC reader.
    pub fn new(key: YubiKey, reader: String) -> Self {
        Self { key, reader }
    }

    /// Closes a token that has stopped answering. Dropping the value would also try to reset the token.
    pub fn release(self) {
        let _ = self.key.disconnect(pcsc::Disposition::LeaveCard);
    }

    /// Returns the name of the token's PC/SC reader.
    pub fn reader(&self) -> &str {
        &self.reader
    }
}

impl Token for PivToken {
    fn serial(&self) -> u32 {
        self.key.serial().0
    }

    fn tries_left(&mut self) -> Result<u8, TokenError> {
        self.key.get_pin_retries().map_err(reason)
    }

    fn held(&mut self, slot: Slot) -> Result<Option<Held>, TokenError> {
        match piv::metadata(&mut self.key, id(slot)) {
            Ok(metadata) => {
                let der = metadata.public.as_ref().and_then(|key| der::Encode::to_der(key).ok());
                let touch = metadata.policy.is_none_or(|(_, touch)| touch != TouchPolicy::Never);
                Ok(der.and_then(|der| point(&der)).map(|point| Held { point, touch }))
            }
            Err(yubikey::Error::NotFound) => Ok(None),
            // Firmware before 5.3 has no metadata command, so the key is read from the certificate that the enrolment
            // wrote to the slot.
            Err(yubikey::Error::NotSupported) => {
                let der = Certificate::read(&mut self.key, id(slot)).ok().and_then(|certificate| {
                    der::Encode::to_der(certificate.cert.tbs_certificate().subject_public_key_info()).ok()
                });
                Ok(der.and_then(|der| point(&der)).map(|point| Held { point, touch: true }))
            }
            Err(other) => Err(reason(other)),
        }
    }

    fn verify(&mut self, pin: &SecretText) -> Result<(), TokenError> {
        self.key.verify_pin(pin.expose().as_bytes()).map_err(reason)
    }

    fn agree(&mut self, slot: Slot, point: &Point) -> Result<Secret<32>, TokenError> {
        let shared = piv::decrypt_data(&mut self.key, point, AlgorithmId::EccP256, id(slot));
        let shared = shared.map_err(|error| self.explain(error))?;
        let x: &[u8; 32] = shared
            .as_slice()
            .try_into()
            .map_err(|_| TokenError::Failed("the answer has the wrong length"))?;
        Ok(Secret::copy_of(x))
    }

    fn sign(&mut self, slot: Slot, digest: &[u8; 32]) -> Result<Vec<u8>, TokenError> {
        let signature = piv::sign_data(&mut self.key, digest, AlgorithmId::EccP256, id(slot));
        Ok(signature.map_err(|error| self.explain(error))?.to_vec())
    }
}

impl PivToken {
    /// Explains why a private-key operation failed after the PIN was verified. The status word 6982 means that the
    /// token was not touched. A token that is being pulled out often gives an unexpected answer first, so the program
    /// checks whether the token still answers.
    fn explain(&mut self, error: yubikey::Error) -> TokenError {
        match reason(error) {
            _ if error == yubikey::Error::AuthenticationError => TokenError::NotTouched,
            TokenError::Failed(_) if self.tries_left() == Err(TokenError::Gone) => TokenError::Gone,
            other => other,
        }
    }
}

/// Converts a slot to the type of the yubikey crate.
pub(super) fn id(slot: Slot) -> SlotId {
    SlotId::Retired(RetiredSlotId::try_from(slot.number()).expect("slots 82 to 95 are retired slots"))
}

/// Returns the uncompressed point of a P-256 key in a DER `SubjectPublicKeyInfo`. Returns `None` for any other key.
pub(super) fn point(spki: &[u8]) -> Option<Point> {
    use p256::elliptic_curve::sec1::ToSec1Point as _;
    use p256::pkcs8::DecodePublicKey as _;
    let key = p256::PublicKey::from_public_key_der(spki).ok()?;
    debug_assert!(key.to_public_key_der().is_ok());
    key.to_sec1_point(false).as_bytes().try_into().ok()
}

/// Translates an error of the yubikey crate.
pub(super) fn reason(error: yubikey::Error) -> TokenError {
    use yubikey::Error;
    match error {
        Error::WrongPin { tries: 0 } | Error::PinLocked => TokenError::Blocked,
        Error::WrongPin { tries } => TokenError::WrongPin { left: tries },
        Error::PcscError { inner: Some(Pcsc::SharingViolation) } => TokenError::Busy,
        Error::PcscError { .. } => TokenError::Gone,
        Error::NotSupported => TokenError::Failed("the firmware does not know the command"),
        Error::AuthenticationError => TokenError::Failed("the command was refused: not authenticated"),
        Error::NotFound => TokenError::Failed("there is no key in the slot"),
        Error::SizeError => TokenError::Failed("input of this length is not accepted"),
        _ => TokenError::Failed("the answer has an unexpected status"),
    }
}
