//! The messages of `enrol` and `seal` about a token's attestation and firmware.

use super::groups::AcceptedAttestation;
use crate::error::Error;
use crate::terminal::warning;
use crate::vault::firmware::Firmware;
use crate::vault::manifest::{Attested, EnrolledToken};

/// The option with which `enrol` and `seal` accept an attestation root that is not Yubico's.
pub const ALLOW_OTHER: &str = "--allow-other-attestation";

/// The option with which `seal` accepts a token without attestation.
pub const ALLOW_NONE: &str = "--allow-no-attestation";

/// Returns the error for a token that Yubico does not attest. With the command-line option `option`, the command
/// accepts the token.
pub fn not_by_yubico(custodian: &str, serial: u32, attested: Attested, option: &str) -> Error {
    Error::usage(format!("{custodian}: YubiKey {serial} is {}", attested.words()))
        .next(format!("use a YubiKey that Yubico attests, or pass {option}, which is recorded in the vault"))
}

/// Refuses a token that Yubico does not attest, unless `accepted` allows such a token.
///
/// # Errors
/// Returns a usage error that names the custodian, the token and the command-line option that accepts the token.
pub fn require_yubico(
    custodian: &str,
    token: &EnrolledToken,
    accepted: AcceptedAttestation,
) -> Result<(), Error> {
    match token.attestation {
        Attested::Other if !accepted.allow_other_attestation => {
            Err(not_by_yubico(custodian, token.serial, Attested::Other, ALLOW_OTHER))
        }
        Attested::None if !accepted.allow_no_attestation => {
            Err(not_by_yubico(custodian, token.serial, Attested::None, ALLOW_NONE))
        }
        _ => Ok(()),
    }
}

/// Warns if a security advisory affects the token's firmware.
pub fn warn_of_firmware(custodian: &str, serial: u32, firmware: Firmware) {
    if let Some(advisory) = firmware.advisory() {
        warning(format_args!(
            "{custodian}: YubiKey {serial} has firmware {firmware}, which {advisory} affects\n  \
             next: use a YubiKey with firmware 5.7.0 or later"
        ));
    }
}
