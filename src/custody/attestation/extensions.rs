//! Checks which of Yubico's extensions a certificate has, and the values of the extensions in a slot's certificate.

use der::Decode as _;
use der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::name::Name;

use super::certificate::{Certificate, is_of_piv};
use super::error::AttestationError;
use crate::vault::firmware::Firmware;

/// The key, slot and device that an attestation must state.
pub struct AttestedKey<'a> {
    /// The key in the slot, as a DER `SubjectPublicKeyInfo`.
    pub key: &'a [u8],
    /// The slot as two hex digits.
    pub slot: &'a str,
    /// The device's serial number.
    pub serial: u32,
    /// The device's firmware version.
    pub firmware: Firmware,
}

const FIRMWARE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.3");
const SERIAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.7");
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");
const FORM_FACTOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.9");
const FIPS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.10");
const CSPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.11");

/// The common name (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Checks the device's certificate (slot F9). The certificate of a genuine device can have the extensions for the
/// firmware version, FIPS and CSPN. A genuine device's certificate has the basic constraints of a CA, or has no basic
/// constraints (firmware 5.2.4).
///
/// # Errors
/// Returns [`AttestationError::SlotInChain`], [`AttestationError::Extension`], [`AttestationError::NotCa`].
pub fn check_device(device: &Certificate) -> Result<(), AttestationError> {
    for id in device.of_yubico() {
        match id {
            FIRMWARE | FIPS | CSPN => {}
            SERIAL | POLICY | FORM_FACTOR => return Err(AttestationError::SlotInChain),
            _ => return Err(device.must_not_have(id)),
        }
    }
    let is_ca = device.basic_constraints()?.is_none_or(|(ca, _)| ca);
    if is_ca && device.signs_certificates()? { Ok(()) } else { Err(AttestationError::NotCa(device.name())) }
}

/// Checks that an issuer above the device has none of Yubico's extensions.
///
/// # Errors
/// Returns [`AttestationError::Extension`].
pub fn check_issuer(issuer: &Certificate) -> Result<(), AttestationError> {
    issuer.of_yubico().next().map_or(Ok(()), |id| Err(issuer.must_not_have(id)))
}

/// Checks a slot's certificate: the slot's name, the device's serial number and firmware version, and the key's PIN
/// and touch policy.
///
/// # Errors
/// See [`AttestationError`].
pub fn check_slot(slot: &Certificate, expected: &AttestedKey) -> Result<(), AttestationError> {
    if let Some(id) = slot.of_yubico().find(|id| !is_of_piv(*id)) {
        return Err(slot.must_not_have(id));
    }
    if slot.basic_constraints()?.is_some_and(|(ca, _)| ca) {
        return Err(AttestationError::SlotIsCa);
    }
    if common_name(slot) != Some(format!("YubiKey PIV Attestation {}", expected.slot)) {
        return Err(AttestationError::OtherSlot(expected.slot.to_owned()));
    }
    let serial = slot.extension(SERIAL).and_then(|der| u32::from_der(der).ok());
    if serial != Some(expected.serial) {
        return Err(AttestationError::OtherDevice);
    }
    if slot.extension(FIRMWARE) != Some(&expected.firmware.0) {
        return Err(AttestationError::OtherFirmware);
    }
    // The first byte is the PIN policy: 2 is once, 3 is always. The second byte is the touch policy: 2 is always.
    match slot.extension(POLICY) {
        Some([2 | 3, 2]) => Ok(()),
        _ => Err(AttestationError::Policy),
    }
}

/// Returns the common name of the subject. Returns `None` if the subject has any other attribute.
fn common_name(certificate: &Certificate) -> Option<String> {
    let name = Name::from_der(certificate.subject()).ok()?;
    let mut attributes = name.iter();
    let (attribute, None) = (attributes.next()?, attributes.next()) else { return None };
    if attribute.oid != COMMON_NAME {
        return None;
    }
    let value = &attribute.value;
    let utf8 = || value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned()).ok();
    let printable = || value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned()).ok();
    utf8().or_else(printable)
}
