//! Why certificates do not attest a key.

use std::fmt;

/// Why certificates do not attest a key. Names are of certificates' subjects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AttestationError {
    /// A certificate does not parse; with the parser's message.
    Certificate(String),
    /// The issuer of a certificate is not among those given.
    IssuerMissing {
        /// The issuer's name.
        issuer: String,
        /// The certificate's name.
        of: String,
    },
    /// Fewer than 2 or more than 6 certificates in the chain.
    ChainLength,
    /// A slot's certificate in the chain: any key on a genuine device could sign one.
    SlotInChain,
    /// The next certificate in the chain is not the issuer's.
    Order {
        /// The issuer's name.
        issuer: String,
        /// The certificate's name.
        of: String,
    },
    /// The last certificate in the chain is not its own issuer.
    NotRoot(String),
    /// A certificate is not signed by the key of its issuer.
    NotSigned {
        /// The issuer's name.
        issuer: String,
        /// The certificate's name.
        of: String,
    },
    /// An algorithm, key size or curve that no attestation uses.
    Algorithm(String),
    /// An issuer that is not marked as a certification authority.
    NotCa(String),
    /// More certificates below an issuer than its path length allows.
    PathLength(String),
    /// An extension that this certificate must not have; its name and the object identifier.
    Extension(String, String),
    /// An issuer of Yubico's that does not issue PIV attestation certificates.
    NotPivIssuer(String),
    /// A slot's certificate that is marked as that of a certification authority.
    SlotIsCa,
    /// The subject does not name the slot.
    OtherSlot(String),
    /// It attests another key.
    OtherKey,
    /// It attests a key on a device with another serial number.
    OtherDevice,
    /// It attests a device with another firmware version.
    OtherFirmware,
    /// The key does not require both PIN and touch.
    Policy,
    /// Not PEM text.
    NotPem,
    /// PEM text without a certificate.
    NoCertificate,
}

impl fmt::Display for AttestationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate(why) => return write!(f, "a certificate does not parse: {why}"),
            Self::IssuerMissing { issuer, of } => {
                return write!(
                    f,
                    "the issuer {issuer} of the certificate {of} is not among the certificates given"
                );
            }
            Self::Order { issuer, of } => {
                return write!(
                    f,
                    "the certificate after {of} in its chain is not that of its issuer, {issuer}"
                );
            }
            Self::NotRoot(of) => {
                return write!(
                    f,
                    "the last certificate in its chain, {of}, is not a root: another issued it"
                );
            }
            Self::NotSigned { issuer, of } => {
                return write!(f, "the certificate {of} in its chain is not signed by its issuer, {issuer}");
            }
            Self::Algorithm(of) => {
                return write!(
                    f,
                    "the certificate {of} has a key or a signature of a kind that is not accepted"
                );
            }
            Self::NotCa(of) => return write!(f, "the certificate {of} in its chain is not that of a CA"),
            Self::PathLength(of) => {
                return write!(f, "the certificate {of} does not allow as many certificates below it");
            }
            Self::Extension(of, id) => {
                return write!(f, "the certificate {of} has the extension {id}, which it must not have");
            }
            Self::NotPivIssuer(of) => return write!(f, "{of} is not a PIV attestation issuer of Yubico"),
            Self::OtherSlot(slot) => return write!(f, "it does not attest slot {slot}"),
            Self::ChainLength => "its chain must have 2 to 6 certificates, from the device's to the root",
            Self::SlotInChain => "its chain contains a slot's certificate where a device's is expected",
            Self::SlotIsCa => "it is marked as a CA's certificate",
            Self::OtherKey => "it attests another key",
            Self::OtherDevice => "it attests a device with another serial number",
            Self::OtherFirmware => "it attests a device with another firmware version",
            Self::Policy => "the key does not require both a PIN and a touch",
            Self::NotPem => "not certificates in PEM form",
            Self::NoCertificate => "it contains no certificate in PEM form",
        })
    }
}

impl std::error::Error for AttestationError {}
