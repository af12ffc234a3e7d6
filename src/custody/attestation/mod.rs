//! Attestation: certificates show that a token's keys were generated on a genuine device.
//!
//! The device's key (slot F9) signs the certificate of a slot. A PIV attestation issuer signs the device's
//! certificate. The chain can have further issuers, up to a root that signed itself. Any key under a vendor's root
//! could sign a certificate with the right extensions. Therefore every certificate of the chain is checked, not only
//! the root (vault-format.md, "Attestation"). Dates are not checked, because the devices have no clock, and Yubico's
//! certificates have no meaningful dates.

mod certificate;
mod chain;
mod error;
mod extensions;
mod pem;
mod signature;
mod yubico;

pub use chain::find as chain;
pub use error::AttestationError;
pub use extensions::AttestedKey;
pub use pem::read as from_pem;

use certificate::Certificate;
use chain::CertificateChain;

use crate::vault::manifest::Attested;

/// Checks the certificate `attestation` of a slot against a chain (the device's certificate first, the root last).
/// Returns whether the chain's root is one of Yubico's roots.
///
/// # Errors
/// See [`AttestationError`].
pub fn verify(
    attestation: &[u8],
    chain: &[Vec<u8>],
    expected: &AttestedKey,
) -> Result<Attested, AttestationError> {
    let slot = Certificate::parse(attestation)?;
    let chain = CertificateChain::parse(chain)?;
    chain.check()?;
    chain.device().check_issued(&slot)?;
    extensions::check_slot(&slot, expected)?;
    if slot.key() != expected.key {
        return Err(AttestationError::OtherKey);
    }
    chain.owner()
}

/// Checks a chain without a slot's certificate. Returns whether the chain's root is one of Yubico's roots.
///
/// # Errors
/// See [`AttestationError`].
pub fn root_owner(chain: &[Vec<u8>]) -> Result<Attested, AttestationError> {
    let chain = CertificateChain::parse(chain)?;
    chain.check()?;
    chain.owner()
}
