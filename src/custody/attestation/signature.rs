//! Verifies the signature of a certificate. This file also decides which keys, curves and digests are accepted.

use der::Encode as _;
use der::asn1::{Null, ObjectIdentifier};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, RsaPublicKey, pkcs1v15};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::spki::AlgorithmIdentifierOwned;

const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const SHA256_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const SHA384_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// The accepted lengths of an RSA modulus in bits. The keys of Yubico's issuers have 2048 bits.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// The only accepted RSA exponent. No YubiKey uses another exponent.
const RSA_EXPONENT: u64 = 65_537;

/// Returns whether `key` (DER) signed `certificate`. Returns `None` if the key or the algorithm is not accepted.
///
/// A P-384 key is allowed to sign with SHA-256, because a YubiKey with a P-384 key in slot F9 signs with SHA-256.
pub fn verify(key: &[u8], certificate: &Certificate) -> Option<bool> {
    let algorithm = certificate.signature_algorithm();
    if certificate.tbs_certificate().signature() != algorithm {
        return None;
    }
    let message = certificate.tbs_certificate().to_der().ok()?;
    let signature = certificate.signature().as_bytes()?;
    match algorithm.oid {
        SHA256_ECDSA | SHA384_ECDSA if algorithm.parameters.is_none() => {
            ecdsa(key, &message, signature, algorithm.oid)
        }
        SHA256_RSA | SHA384_RSA | SHA512_RSA if has_no_parameters(algorithm) => {
            Some(rsa(&rsa_key(key)?, &message, signature, algorithm.oid).is_some())
        }
        _ => None,
    }
}

/// Returns whether the algorithm's parameters are NULL or absent. RFC 4055 section 5 requires NULL, but the
/// certificates of Yubico's newest issuers have no parameters.
fn has_no_parameters(algorithm: &AlgorithmIdentifierOwned) -> bool {
    algorithm.parameters.as_ref().is_none_or(|parameters| parameters.decode_as::<Null>().is_ok())
}

fn ecdsa(key: &[u8], message: &[u8], signature: &[u8], algorithm: ObjectIdentifier) -> Option<bool> {
    if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(key) {
        // SHA-384 with P-256 is not accepted.
        let signature = p256::ecdsa::DerSignature::from_bytes(signature);
        return (algorithm == SHA256_ECDSA)
            .then(|| signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()));
    }
    let key = p384::ecdsa::VerifyingKey::from_public_key_der(key).ok()?;
    let Ok(signature) = p384::ecdsa::Signature::from_der(signature) else { return Some(false) };
    Some(if algorithm == SHA256_ECDSA {
        key.verify_prehash(&Sha256::digest(message), &signature).is_ok()
    } else {
        key.verify(message, &signature).is_ok()
    })
}

fn rsa_key(key: &[u8]) -> Option<RsaPublicKey> {
    let key = RsaPublicKey::from_public_key_der(key).ok()?;
    (RSA_BITS.contains(&key.n().bits()) && *key.e() == BoxedUint::from(RSA_EXPONENT)).then_some(key)
}

fn rsa(key: &RsaPublicKey, message: &[u8], signature: &[u8], algorithm: ObjectIdentifier) -> Option<()> {
    use rsa::sha2;
    let (key, signature) = (key.clone(), pkcs1v15::Signature::try_from(signature).ok()?);
    match algorithm {
        SHA256_RSA => pkcs1v15::VerifyingKey::<sha2::Sha256>::new(key).verify(message, &signature).ok(),
        SHA384_RSA => pkcs1v15::VerifyingKey::<sha2::Sha384>::new(key).verify(message, &signature).ok(),
        _ => pkcs1v15::VerifyingKey::<sha2::Sha512>::new(key).verify(message, &signature).ok(),
    }
}
