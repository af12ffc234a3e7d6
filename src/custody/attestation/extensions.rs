//! Which of Yubico's extensions a certificate may have, and what those of a slot must say.

use der::Decode as _;
use der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::name::Name;

use super::certificate::Certificate;
use super::error::AttestationError;
use crate::vault::firmware::Firmware;

/// What an attestation must say.
pub struct AttestedKey<'a> {
    /// DER `SubjectPublicKeyInfo` of the key in the slot.
    pub key: &'a [u8],
    /// The slot: two hex digits.
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

/// The arc of PIV attestation. Yubico's arc has others, of FIDO (1, 2, 12, 13) and `OpenPGP` (5) among them.
const PIV: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3");

/// The common name (RFC 5280 appendix A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Checks the device's certificate (slot F9). Genuine ones have the firmware version, FIPS or CSPN; basic constraints
/// of a CA, or none (firmware 5.2.4).
///
/// # Errors
/// [`AttestationError::SlotInChain`], [`AttestationError::Extension`], [`AttestationError::NotCa`].
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
/// [`AttestationError::Extension`].
pub fn check_issuer(issuer: &Certificate) -> Result<(), AttestationError> {
    issuer.of_yubico().next().map_or(Ok(()), |id| Err(issuer.must_not_have(id)))
}

/// Checks a slot's certificate: the name of the slot, the device's serial number and firmware, PIN and touch policy.
///
/// # Errors
/// See [`AttestationError`].
pub fn check_slot(slot: &Certificate, expected: &AttestedKey) -> Result<(), AttestationError> {
    if let Some(id) = slot.of_yubico().find(|id| !id.starts_with(PIV)) {
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
    // PIN policy 2 once, 3 always; touch policy 2 always.
    match slot.extension(POLICY) {
        Some([2 | 3, 2]) => Ok(()),
        _ => Err(AttestationError::Policy),
    }
}

/// The common name of the subject, if the subject is nothing else.
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
