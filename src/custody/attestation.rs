//! Attestation: who vouches that a token's keys were made on a genuine device.
//!
//! A slot's attestation certificate is signed by the device's own (slot F9), which a root signs, directly or
//! over intermediates. The extensions 1.3.6.1.4.1.41482.3.* say serial number and policies. Dates are not
//! checked: the devices have no clock, and Yubico's certificates have no meaningful ones.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, DecodePem as _, Encode as _};
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::pkcs1v15;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;

use crate::vault::manifest::Attested;

/// SHA-256 of the roots that Yubico publishes at developers.yubico.com/PKI.
const YUBICO: [&str; 2] = [
    // Yubico PIV Root CA Serial 263751
    "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546",
    // Yubico Attestation Root 1
    "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8",
];

const SERIAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.7");
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");

const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const SHA256_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SHA384_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// The most certificates between a slot's and its root.
const MAX_CHAIN: usize = 6;

/// What an attestation must say.
pub struct Expected<'a> {
    /// DER `SubjectPublicKeyInfo` of the key in the slot.
    pub key: &'a [u8],
    /// The device's serial number.
    pub serial: u32,
}

/// Finds the chain from the device's certificate to a self-signed one among `trusted`: DER, F9 first.
///
/// # Errors
/// Why there is none, in words.
pub fn chain(device: &[u8], trusted: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
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
    Err("the device's certificate leads to none of the trusted roots".into())
}

/// Checks a slot's attestation against a chain (F9 first, a self-signed root last) and says whose root it is.
///
/// # Errors
/// What does not hold, in words.
pub fn verify(attestation: &[u8], chain: &[Vec<u8>], expected: &Expected) -> Result<Attested, String> {
    let leaf = parse(attestation)?;
    let (Some(device), Some(root)) = (chain.first(), chain.last()) else {
        return Err("it has no chain".into());
    };
    let links = std::iter::once(attestation).chain(chain.iter().map(Vec::as_slice));
    let issuers = chain.iter().chain(std::iter::once(root));
    if chain.len() > MAX_CHAIN || chain.len() < 2 || device == root {
        return Err("its chain has the wrong length".into());
    }
    // Else any slot's key could sign a certificate of its own, under the attestation of a genuine device.
    for issuer in chain {
        if extension(&parse(issuer)?, POLICY).is_some() {
            return Err("a slot's certificate stands where a device's belongs".into());
        }
    }
    for (certificate, issuer) in links.zip(issuers) {
        if !issued(issuer, certificate) {
            return Err("a certificate of its chain was not signed by the next".into());
        }
    }
    let key = leaf.tbs_certificate().subject_public_key_info().to_der().map_err(|e| e.to_string())?;
    if key != expected.key {
        return Err("it vouches for another key".into());
    }
    let serial = extension(&leaf, SERIAL).and_then(|der| u32::from_der(der).ok());
    if serial != Some(expected.serial) {
        return Err("it vouches for a device of another serial number".into());
    }
    // PIN policy 2 once, 3 always; touch policy 2 always.
    match extension(&leaf, POLICY) {
        Some([2 | 3, 2]) => Ok(whose(root)),
        _ => Err("the key does not demand both a PIN and a touch".into()),
    }
}

/// Whose root a self-signed certificate is.
pub fn whose(root: &[u8]) -> Attested {
    let fingerprint = hex::encode(Sha256::digest(root));
    if YUBICO.contains(&fingerprint.as_str()) { Attested::Yubico } else { Attested::Other }
}

/// The certificates of a PEM file, as DER; other text between them is passed over (RFC 7468 section 2).
///
/// # Errors
/// When there is none, or one does not parse.
pub fn from_pem(text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let text = std::str::from_utf8(text).map_err(|_| "not certificates in PEM form")?;
    let certificates: Vec<_> = text
        .match_indices(BEGIN)
        .map(|(at, _)| {
            let certificate = Certificate::from_pem(one(&text[at..]));
            certificate.and_then(|c| c.to_der()).map_err(|e| format!("a certificate does not parse: {e}"))
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err("no certificate in PEM form in it".into()) } else { Ok(certificates) }
}

/// The first PEM block of `text`.
fn one(text: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----";
    text.find(END).map_or(text, |end| &text[..end + END.len()])
}

fn parse(der: &[u8]) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|e| format!("a certificate does not parse: {e}"))
}

fn extension(certificate: &Certificate, id: ObjectIdentifier) -> Option<&[u8]> {
    let extensions = certificate.tbs_certificate().extensions()?;
    extensions.iter().find(|e| e.extn_id == id).map(|e| e.extn_value.as_bytes())
}

/// Whether the key of `issuer` signed `certificate`, and the names agree.
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
