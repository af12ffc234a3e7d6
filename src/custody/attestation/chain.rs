//! Builds and checks a certificate chain. The chain starts with the device's certificate (slot F9). Each certificate
//! is followed by the certificate of its issuer. The last certificate is a root.

use super::certificate::Certificate;
use super::error::AttestationError;
use super::{extensions, yubico};
use crate::vault::manifest::Attested;

/// The maximum number of certificates in a chain, from the device's certificate to the root.
const MAX: usize = 6;

/// Returns the chain from the certificate `device` to a self-issued certificate in `trusted`. The certificates are in
/// DER.
///
/// # Errors
/// Returns [`AttestationError::IssuerMissing`] if an issuer is not in `trusted`, [`AttestationError::Trusted`] if a
/// certificate of `trusted` cannot be read, and the errors of [`Certificate::check_issued`].
pub fn find(device: &[u8], trusted: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, AttestationError> {
    let read =
        |der: &Vec<u8>| Certificate::parse(der).map_err(|why| AttestationError::Trusted(why.to_string()));
    let candidates: Vec<_> = trusted.iter().map(read).collect::<Result<_, _>>()?;
    let mut last = &Certificate::parse(device)?;
    let mut chain = vec![device.to_vec()];
    while chain.len() < 2 || !last.is_self_issued() {
        if chain.len() == MAX {
            return Err(AttestationError::ChainLength);
        }
        let (issuer, der) = issuer_of(last, &candidates, trusted)?;
        chain.push(der.clone());
        last = issuer;
    }
    Ok(chain)
}

/// Returns the issuer's certificate. If several candidates are possible, prefers a root whose digest is in
/// `yubico.rs`. Yubico's root of 2016 has two certificates, and `yubico.rs` has the digest of only one of them.
fn issuer_of<'a>(
    certificate: &Certificate,
    candidates: &'a [Certificate],
    trusted: &'a [Vec<u8>],
) -> Result<(&'a Certificate, &'a Vec<u8>), AttestationError> {
    let (issuer, of) = (certificate.issuer_name(), certificate.name());
    let mut why = AttestationError::IssuerMissing { issuer, of };
    let mut found = None;
    let named = candidates.iter().zip(trusted).filter(|(candidate, _)| candidate.is_named_by(certificate));
    for (candidate, der) in named {
        match candidate.check_issued(certificate) {
            Ok(()) if yubico::is_root(der) => return Ok((candidate, der)),
            Ok(()) => found = found.or(Some((candidate, der))),
            Err(refused) => why = refused,
        }
    }
    found.ok_or(why)
}

/// A chain of 2 to 6 certificates.
pub struct CertificateChain {
    /// The certificates in order, from the device's certificate to the root's certificate.
    certificates: Vec<Certificate>,
    /// The root's certificate in DER.
    root: Vec<u8>,
}

impl CertificateChain {
    /// Parses the certificates of a chain, which are in DER.
    ///
    /// # Errors
    /// Returns [`AttestationError::ChainLength`] and the errors of [`Certificate::parse`].
    pub fn parse(chain: &[Vec<u8>]) -> Result<Self, AttestationError> {
        let [_, .., root] = chain else { return Err(AttestationError::ChainLength) };
        if chain.len() > MAX {
            return Err(AttestationError::ChainLength);
        }
        let certificates = chain.iter().map(|der| Certificate::parse(der)).collect::<Result<_, _>>()?;
        Ok(Self { certificates, root: root.clone() })
    }

    /// Returns the device's certificate.
    pub fn device(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// Checks the extensions of each certificate. Checks that each certificate is signed by the key of the next
    /// certificate, and that the root signed itself.
    ///
    /// # Errors
    /// See [`AttestationError`].
    pub fn check(&self) -> Result<(), AttestationError> {
        extensions::check_device(self.device())?;
        for (certificate, below) in self.certificates.iter().zip(0..).skip(1) {
            check_issuer(certificate, below)?;
        }
        for pair in self.certificates.windows(2) {
            pair[1].check_issued(&pair[0])?;
        }
        let root = &self.certificates[self.certificates.len() - 1];
        if root.is_self_issued() {
            root.check_issued(root)
        } else {
            Err(AttestationError::NotRoot(root.name()))
        }
    }

    /// Returns whether the chain's root is one of Yubico's roots.
    ///
    /// # Errors
    /// Returns [`AttestationError::NotPivIssuer`] if the root is Yubico's, but the issuer of the device's certificate
    /// is not one of Yubico's PIV attestation issuers.
    pub fn owner(&self) -> Result<Attested, AttestationError> {
        let issuer = &self.certificates[1];
        match yubico::is_piv_issuer(issuer.key(), &self.root) {
            None => Ok(Attested::Other),
            Some(true) => Ok(Attested::Yubico),
            Some(false) => Err(AttestationError::NotPivIssuer(issuer.name())),
        }
    }
}

/// Checks the certificate of an issuer. `below` is the number of certificates between this certificate and the slot's
/// certificate.
fn check_issuer(certificate: &Certificate, below: u8) -> Result<(), AttestationError> {
    extensions::check_issuer(certificate)?;
    let Some((true, longest)) = certificate.basic_constraints()? else {
        return Err(AttestationError::NotCa(certificate.name()));
    };
    if !certificate.signs_certificates()? {
        return Err(AttestationError::NotCa(certificate.name()));
    }
    if longest.is_some_and(|longest| below > longest) {
        return Err(AttestationError::PathLength(certificate.name()));
    }
    Ok(())
}
