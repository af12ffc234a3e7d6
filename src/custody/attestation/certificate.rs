//! Parses an X.509 certificate, and returns the fields that the attestation rules check.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::name::Name;

use super::error::AttestationError;
use super::signature;
use crate::vault::names::harmless;

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");

/// The OID arc of Yubico, and the arc of PIV attestation inside it (developers.yubico.com, "Yubico OID arc"). Yubico has
/// other arcs, for example for FIDO (1, 2, 12, 13) and `OpenPGP` (5).
const YUBICO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482");
const PIV: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3");

/// A parsed certificate. This type keeps the DER encodings of the key and of the names, because the attestation rules
/// compare the encodings.
pub struct Certificate {
    inner: x509_cert::Certificate,
    key: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
}

impl Certificate {
    /// Parses a certificate in DER. Refuses an encoding that is not DER, an extension that occurs twice, and a
    /// critical extension that the program does not know (RFC 5280 section 4.2).
    ///
    /// # Errors
    /// Returns [`AttestationError::Certificate`] and [`AttestationError::Extension`].
    pub fn parse(der: &[u8]) -> Result<Self, AttestationError> {
        let unreadable = |why: der::Error| AttestationError::Certificate(why.to_string());
        let inner = x509_cert::Certificate::from_der(der).map_err(unreadable)?;
        if inner.to_der().map_err(unreadable)? != der {
            return Err(AttestationError::Certificate("it is not DER".into()));
        }
        let signed = inner.tbs_certificate();
        let certificate = Self {
            key: signed.subject_public_key_info().to_der().map_err(unreadable)?,
            issuer: signed.issuer().to_der().map_err(unreadable)?,
            subject: signed.subject().to_der().map_err(unreadable)?,
            inner,
        };
        certificate.check_extensions()?;
        Ok(certificate)
    }

    fn check_extensions(&self) -> Result<(), AttestationError> {
        for (place, extension) in self.extensions().iter().enumerate() {
            let id = extension.extn_id;
            let known = id == BASIC_CONSTRAINTS || id == KEY_USAGE || is_of_piv(id);
            let again = self.extensions()[..place].iter().any(|earlier| earlier.extn_id == id);
            if again || extension.critical && !known {
                return Err(self.must_not_have(id));
            }
        }
        Ok(())
    }

    /// Returns the subject's public key in DER.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Returns the subject's name in DER.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Returns the subject's name as text for people.
    pub fn name(&self) -> String {
        words(self.inner.tbs_certificate().subject())
    }

    /// Returns the issuer's name as text for people.
    pub fn issuer_name(&self) -> String {
        words(self.inner.tbs_certificate().issuer())
    }

    /// Returns whether `other` names `self` as its issuer. The issuer in `other` and the subject of `self` must have
    /// the same DER encoding.
    pub fn is_named_by(&self, other: &Self) -> bool {
        self.subject == other.issuer
    }

    /// Returns whether the certificate's issuer and subject have the same name.
    pub fn is_self_issued(&self) -> bool {
        self.is_named_by(self)
    }

    /// Checks that `other` names `self` as its issuer, and that the key of `self` signed `other`.
    ///
    /// # Errors
    /// Returns [`AttestationError::Order`], [`AttestationError::Algorithm`], [`AttestationError::NotSigned`].
    pub fn check_issued(&self, other: &Self) -> Result<(), AttestationError> {
        let (issuer, of) = (other.issuer_name(), other.name());
        if !self.is_named_by(other) {
            return Err(AttestationError::Order { issuer, of });
        }
        match signature::verify(&self.key, &other.inner) {
            Some(true) => Ok(()),
            Some(false) => Err(AttestationError::NotSigned { issuer, of }),
            None => Err(AttestationError::Algorithm(of)),
        }
    }

    /// Returns the basic constraints: whether the certificate is a CA's certificate, and the path length if one is
    /// set. The path length is the maximum number of certificates between this certificate and a slot's certificate.
    /// Returns `None` if the certificate has no basic constraints.
    ///
    /// # Errors
    /// Returns [`AttestationError::Certificate`] if the extension does not parse.
    pub fn basic_constraints(&self) -> Result<Option<(bool, Option<u8>)>, AttestationError> {
        let read = self.decoded::<BasicConstraints>(BASIC_CONSTRAINTS)?;
        Ok(read.map(|constraints| (constraints.ca, constraints.path_len_constraint)))
    }

    /// Returns whether the certificate's key is allowed to sign certificates. If the certificate has no key usage
    /// extension, its key is allowed to sign.
    ///
    /// # Errors
    /// Returns [`AttestationError::Certificate`] if the extension does not parse.
    pub fn signs_certificates(&self) -> Result<bool, AttestationError> {
        Ok(self.decoded::<KeyUsage>(KEY_USAGE)?.is_none_or(|usage| usage.key_cert_sign()))
    }

    /// Returns the object identifiers of the certificate's extensions that begin with Yubico's identifier.
    pub fn of_yubico(&self) -> impl Iterator<Item = ObjectIdentifier> {
        self.extensions().iter().map(|extension| extension.extn_id).filter(|id| id.starts_with(YUBICO))
    }

    /// Returns the value of an extension, in DER.
    pub fn extension(&self, id: ObjectIdentifier) -> Option<&[u8]> {
        self.extensions().iter().find(|e| e.extn_id == id).map(|e| e.extn_value.as_bytes())
    }

    /// Returns the error for an extension that the certificate must not have.
    pub fn must_not_have(&self, id: ObjectIdentifier) -> AttestationError {
        AttestationError::Extension(self.name(), id.to_string())
    }

    fn extensions(&self) -> &[Extension] {
        self.inner.tbs_certificate().extensions().map_or(&[], Vec::as_slice)
    }

    fn decoded<'a, T>(&'a self, id: ObjectIdentifier) -> Result<Option<T>, AttestationError>
    where
        T: der::Decode<'a, Error = der::Error>,
    {
        let unreadable = |why: der::Error| AttestationError::Certificate(why.to_string());
        self.extension(id).map(T::from_der).transpose().map_err(unreadable)
    }
}

/// Returns whether `id` is Yubico's object identifier for PIV attestation followed by exactly one number.
pub fn is_of_piv(id: ObjectIdentifier) -> bool {
    id.starts_with(PIV) && id.arcs().count() == PIV.arcs().count() + 1
}

fn words(name: &Name) -> String {
    let text = harmless(&name.to_string(), '?');
    if text.is_empty() { "without a name".into() } else { text }
}
