//! The reasons why certificates do not attest a key.

use std::fmt;

/// The reason why certificates do not attest a key. In the fields of this type, the name of a certificate is its
/// subject.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AttestationError {
    /// A certificate does not parse. The field is the parser's message.
    Certificate(String),
    /// A trusted certificate, from which the chain is built, cannot be read. The field is the reason why.
    Trusted(String),
    /// The issuer's certificate was not given.
    IssuerMissing {
        /// The issuer's name.
        issuer: String,
        /// The certificate's name.
        of: String,
    },
    /// The chain has fewer than 2 or more than 6 certificates.
    ChainLength,
    /// The chain contains the certificate of a slot. Any key on a genuine device could sign such a certificate.
    SlotInChain,
    /// In the chain, the certificate `of` is followed by a certificate that is not its issuer's.
    Order {
        /// The issuer's name.
        issuer: String,
        /// The certificate's name.
        of: String,
    },
    /// The last certificate in the chain is not a root: another issuer signed it.
    NotRoot(String),
    /// A certificate is not signed by the key of its issuer.
    NotSigned {
        /// The issuer's name.
        issuer: String,
        /// The certificate's name.
        of: String,
    },
    /// A certificate has an algorithm, key size or curve that no attestation uses.
    Algorithm(String),
    /// The issuer's certificate is not marked as the certificate of a certification authority (CA).
    NotCa(String),
    /// The chain has more certificates below an issuer than the issuer's path length allows.
    PathLength(String),
    /// A certificate has an extension that it must not have. The fields are the certificate's name and the
    /// extension's object identifier.
    Extension(String, String),
    /// The issuer is under Yubico's root, but is not one of Yubico's PIV attestation issuers.
    NotPivIssuer(String),
    /// The slot's certificate is marked as the certificate of a certification authority (CA).
    SlotIsCa,
    /// The subject of the slot's certificate does not name the expected slot.
    OtherSlot(String),
    /// The slot's certificate attests a key other than the token's key.
    OtherKey,
    /// The serial number in the slot's certificate is not the token's serial number.
    OtherDevice,
    /// The firmware version in the slot's certificate is not the token's firmware version.
    OtherFirmware,
    /// The key does not require both PIN and touch.
    Policy,
    /// The file is not PEM text.
    NotPem,
    /// The PEM text contains no certificate.
    NoCertificate,
}

impl fmt::Display for AttestationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(why) => return write!(f, "a certificate does not parse: {why}"),
            Self::Trusted(why) => return write!(f, "a root or issuer certificate cannot be read: {why}"),
            Self::IssuerMissing { issuer, of } => {
                return write!(
                    f,
                    "the issuer {issuer} of the certificate {of} is not among the certificates given"
                );
            }
            Self::Order { issuer, of } => {
                return write!(
                    f,
                    "in the chain, the certificate after {of} is not the certificate of its issuer, {issuer}"
                );
            }
            Self::NotRoot(of) => {
                return write!(
                    f,
                    "the last certificate in the chain, {of}, is not a root: another issuer signed it"
                );
            }
            Self::NotSigned { issuer, of } => {
                return write!(f, "the certificate {of} in the chain is not signed by its issuer, {issuer}");
            }
            Self::Algorithm(of) => {
                return write!(
                    f,
                    "the certificate {of} has a key or signature of a kind that is not accepted"
                );
            }
            Self::NotCa(of) => {
                return write!(f, "the certificate {of} in the chain is not a CA's certificate");
            }
            Self::PathLength(of) => {
                return write!(
                    f,
                    "the certificate {of} does not allow as many certificates below it as the chain has"
                );
            }
            Self::Extension(of, id) => {
                return write!(f, "the certificate {of} has the extension {id}, which it must not have");
            }
            Self::NotPivIssuer(of) => return write!(f, "{of} is not a PIV attestation issuer of Yubico"),
            Self::OtherSlot(slot) => return write!(f, "it does not attest slot {slot}"),
            Self::ChainLength => "its chain must have 2 to 6 certificates, from the device's to the root",
            Self::SlotInChain => {
                "its chain contains a slot's certificate where a device's certificate is expected"
            }
            Self::SlotIsCa => "it is marked as a CA's certificate",
            Self::OtherKey => "it attests another key",
            Self::OtherDevice => "it attests a device with another serial number",
            Self::OtherFirmware => "it attests a device with another firmware version",
            Self::Policy => "the key does not require both a PIN and a touch",
            Self::NotPem => "the file is not text in PEM form",
            Self::NoCertificate => "the file contains no certificate in PEM form",
        })
    }
}

impl std::error::Error for AttestationError {}
