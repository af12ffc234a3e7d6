//! Attestation: certificates that show that a token's keys were generated on a genuine device.
//!
//! The attestation certificate of a slot is signed by the device's certificate (slot F9), which a root signs, directly
//! or through intermediates. The extensions 1.3.6.1.4.1.41482.3.* hold the serial number and the policies. Dates are
//! not checked: the devices have no clock, and Yubico's certificates have no meaningful dates.

use std::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode as _, DecodePem as _, Encode as _};
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::pkcs1v15;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;

use crate::vault::manifest::Attested;

/// SHA-256 of the roots that Yubico publishes at developers.yubico.com/PKI.
const YUBICO_ROOTS: [&str; 2] = [
    // Yubico PIV Root CA Serial 263751
    "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546",
    // Yubico Attestation Root 1
    "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8",
];

const SERIAL_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.7");
const POLICY_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");

const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const SHA256_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SHA384_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// The maximum number of certificates in a chain, from the device's to the root.
const MAX_CHAIN: usize = 6;

/// The key that an attestation must be about.
pub struct AttestedKey<'a> {
    /// DER `SubjectPublicKeyInfo` of the key in the slot.
    pub key: &'a [u8],
    /// The device's serial number.
    pub serial: u32,
}

/// Why certificates do not attest a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AttestationError {
    /// A certificate does not parse; with the parser's message.
    Certificate(String),
    /// No chain from the device's certificate to a trusted root.
    NotTrusted,
    /// Fewer than 2 or more than 6 certificates in the chain.
    ChainLength,
    /// A slot's certificate in the chain: any key on a genuine device could sign one.
    SlotInChain,
    /// A certificate is not signed by the next in the chain.
    NotSigned,
    /// It attests another key.
    OtherKey,
    /// It attests a key on a device with another serial number.
    OtherDevice,
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
            Self::NotTrusted => "the device's certificate does not lead to a trusted root",
            Self::ChainLength => "its chain must have 2 to 6 certificates, from the device's to the root",
            Self::SlotInChain => "its chain contains a slot's certificate where a device's is expected",
            Self::NotSigned => "a certificate in its chain is not signed by the next one",
            Self::OtherKey => "it attests another key",
            Self::OtherDevice => "it attests a device with another serial number",
            Self::Policy => "the key does not require both a PIN and a touch",
            Self::NotPem => "not certificates in PEM form",
            Self::NoCertificate => "it contains no certificate in PEM form",
        })
    }
}

impl std::error::Error for AttestationError {}

/// Finds the chain from the device's certificate to a self-signed one in `trusted`; DER, the device's first.
///
/// # Errors
/// [`AttestationError::NotTrusted`] if there is none.
pub fn chain(device: &[u8], trusted: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, AttestationError> {
    let mut chain = vec![device.to_vec()];
    while let Some(last) = chain.last() {
        let certificate = parse(last)?;
        if chain.len() > 1
            && certificate.tbs_certificate().issuer() == certificate.tbs_certificate().subject()
        {
            return Ok(chain);
        }
        let issuer = trusted.iter().find(|candidate| !chain.contains(candidate) && issued(candidate, last));
        match issuer {
            Some(issuer) if chain.len() < MAX_CHAIN => chain.push(issuer.clone()),
            _ => break,
        }
    }
    Err(AttestationError::NotTrusted)
}

/// Checks a slot's attestation against a chain (the device's first, a self-signed root last) and returns whose root it is.
///
/// # Errors
/// See [`AttestationError`].
pub fn verify(
    attestation: &[u8],
    chain: &[Vec<u8>],
    expected: &AttestedKey,
) -> Result<Attested, AttestationError> {
    let leaf = parse(attestation)?;
    let (Some(device), Some(root)) = (chain.first(), chain.last()) else {
        return Err(AttestationError::ChainLength);
    };
    let links = std::iter::once(attestation).chain(chain.iter().map(Vec::as_slice));
    let issuers = chain.iter().chain(std::iter::once(root));
    if chain.len() > MAX_CHAIN || chain.len() < 2 || device == root {
        return Err(AttestationError::ChainLength);
    }
    // Otherwise a key in any slot of a genuine device could attest a key that is on no device.
    for issuer in chain {
        if extension(&parse(issuer)?, POLICY_EXTENSION).is_some() {
            return Err(AttestationError::SlotInChain);
        }
    }
    for (certificate, issuer) in links.zip(issuers) {
        if !issued(issuer, certificate) {
            return Err(AttestationError::NotSigned);
        }
    }
    let key = leaf.tbs_certificate().subject_public_key_info().to_der().map_err(|e| unreadable(&e))?;
    if key != expected.key {
        return Err(AttestationError::OtherKey);
    }
    let serial = extension(&leaf, SERIAL_EXTENSION).and_then(|der| u32::from_der(der).ok());
    if serial != Some(expected.serial) {
        return Err(AttestationError::OtherDevice);
    }
    // PIN policy 2 once, 3 always; touch policy 2 always.
    match extension(&leaf, POLICY_EXTENSION) {
        Some([2 | 3, 2]) => Ok(root_owner(root)),
        _ => Err(AttestationError::Policy),
    }
}

/// Returns whose root a self-signed certificate is.
pub fn root_owner(root: &[u8]) -> Attested {
    let fingerprint = hex::encode(Sha256::digest(root));
    if YUBICO_ROOTS.contains(&fingerprint.as_str()) { Attested::Yubico } else { Attested::Other }
}

/// Reads the certificates of a PEM file as DER; ignores other text between them (RFC 7468 section 2).
///
/// # Errors
/// If there is none, or one does not parse.
pub fn from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, AttestationError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let text = std::str::from_utf8(text).map_err(|_| AttestationError::NotPem)?;
    let certificates: Vec<_> = text
        .match_indices(BEGIN)
        .map(|(at, _)| {
            let certificate = Certificate::from_pem(first_block(&text[at..]));
            certificate.and_then(|c| c.to_der()).map_err(|e| unreadable(&e))
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(AttestationError::NoCertificate) } else { Ok(certificates) }
}

/// The first PEM block of `text`.
fn first_block(text: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    text.find(END).map_or(text, |end| &text[..end + END.len()])
}

fn parse(der: &[u8]) -> Result<Certificate, AttestationError> {
    Certificate::from_der(der).map_err(|e| unreadable(&e))
}

fn unreadable(why: &der::Error) -> AttestationError {
    AttestationError::Certificate(why.to_string())
}

fn extension(certificate: &Certificate, id: ObjectIdentifier) -> Option<&[u8]> {
    let extensions = certificate.tbs_certificate().extensions()?;
    extensions.iter().find(|e| e.extn_id == id).map(|e| e.extn_value.as_bytes())
}

/// Whether the key of `issuer` signed `certificate` and the names match.
fn issued(issuer: &[u8], certificate: &[u8]) -> bool {
    let (Ok(issuer), Ok(certificate)) = (parse(issuer), parse(certificate)) else { return false };
    certificate.tbs_certificate().issuer() == issuer.tbs_certificate().subject()
        && signed(&issuer, &certificate).is_some()
}

fn signed(issuer: &Certificate, certificate: &Certificate) -> Option<()> {
    let message = certificate.tbs_certificate().to_der().ok()?;
    let signature = certificate.signature().as_bytes()?;
    let key = issuer.tbs_certificate().subject_public_key_info().to_der().ok()?;
    match certificate.signature_algorithm().oid {
        SHA256_ECDSA => {
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(&key).ok()?;
            key.verify(&message, &p256::ecdsa::DerSignature::from_bytes(signature).ok()?).ok()
        }
        SHA384_ECDSA => {
            let key = p384::ecdsa::VerifyingKey::from_public_key_der(&key).ok()?;
            key.verify(&message, &p384::ecdsa::DerSignature::from_bytes(signature).ok()?).ok()
        }
        algorithm => {
            let key = rsa::RsaPublicKey::from_public_key_der(&key).ok()?;
            let signature = pkcs1v15::Signature::try_from(signature).ok()?;
            match algorithm {
                SHA256_RSA => {
                    pkcs1v15::VerifyingKey::<rsa::sha2::Sha256>::new(key).verify(&message, &signature).ok()
                }
                SHA384_RSA => {
                    pkcs1v15::VerifyingKey::<rsa::sha2::Sha384>::new(key).verify(&message, &signature).ok()
                }
                SHA512_RSA => {
                    pkcs1v15::VerifyingKey::<rsa::sha2::Sha512>::new(key).verify(&message, &signature).ok()
                }
                _ => None,
            }
        }
    }
}
