//! Attestation: certificates that show that a key was generated on a token. A root of the rig signs the chain.
//!
//! The root's private key is in this file, so that every run uses the same root. Trust this root only in tests, with
//! `--attestation-root`.

use super::slot::{Key, TouchPolicy, point};
use super::tlv::{group, split, tlv};
use base64ct::{Base64, Encoding};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use p256::{PublicKey, SecretKey};

const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];
const BASIC_CONSTRAINTS: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x13];
/// Yubico's arc 1.3.6.1.4.1.41482.3. One more number after this arc identifies an extension.
const YUBICO_PIV: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a, 0x03];
const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// A root that attests tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The rig's root, which tests pass as `--attestation-root`.
    Rig,
    /// Another root, for tokens that are not genuine.
    Stranger,
}

impl Authority {
    fn key(self) -> SecretKey {
        let seed = match self {
            Self::Rig => [0x42; 32],
            Self::Stranger => [0x66; 32],
        };
        SecretKey::from_slice(&seed).expect("a small number should be a P-256 scalar")
    }

    fn name(self) -> Vec<u8> {
        name(match self {
            Self::Rig => "breakglass rig PIV root",
            Self::Stranger => "a stranger's PIV root",
        })
    }

    /// Returns the root's certificate, in DER.
    pub fn root(self) -> Vec<u8> {
        let key = self.key();
        let extensions = [basic_constraints(1)];
        certificate(&[1], &self.name(), &self.name(), &key.public_key(), &extensions, &key)
    }

    /// Returns the root's certificate, in PEM.
    pub fn root_pem(self) -> String {
        pem(&self.root())
    }

    /// Returns the certificate of a token's attestation key, in DER.
    pub(crate) fn intermediate(self, key: &Key, serial: u32, firmware: (u8, u8, u8)) -> Vec<u8> {
        let subject = name("breakglass rig PIV attestation");
        let (major, minor, patch) = firmware;
        let extensions = [yubico(3, &[major, minor, patch]), basic_constraints(0)];
        let number = serial.to_be_bytes();
        certificate(&number, &self.name(), &subject, &key.secret.public_key(), &extensions, &self.key())
    }
}

/// The facts that an attestation states about a token and a key.
pub(crate) struct Statement<'a> {
    pub slot: u8,
    pub key: &'a Key,
    pub serial: u32,
    pub firmware: (u8, u8, u8),
    pub form_factor: u8,
}

impl Statement<'_> {
    /// Returns the certificate for the key, in DER, signed by the attestation key. `issuer` is the certificate of the
    /// attestation key.
    pub fn certificate(&self, issuer: &[u8], attestation: &Key) -> Option<Vec<u8>> {
        let subject = name(&format!("YubiKey PIV Attestation {:02x}", self.slot));
        let (major, minor, patch) = self.firmware;
        let touch = match self.key.touch {
            TouchPolicy::Never => 1,
            TouchPolicy::Always => 2,
            TouchPolicy::Cached => 3,
        };
        let extensions = [
            yubico(3, &[major, minor, patch]),
            yubico(7, &integer(&self.serial.to_be_bytes())),
            yubico(8, &[self.key.pin as u8, touch]),
            yubico(9, &[self.form_factor]),
        ];
        let number = super::management::random(16);
        let public = self.key.secret.public_key();
        Some(certificate(&number, subject_of(issuer)?, &subject, &public, &extensions, &attestation.secret))
    }
}

fn certificate(
    number: &[u8],
    issuer: &[u8],
    subject: &[u8],
    public: &PublicKey,
    extensions: &[Vec<u8>],
    signer: &SecretKey,
) -> Vec<u8> {
    let algorithm = tlv(0x30, ECDSA_SHA256);
    let to_be_signed = group(
        0x30,
        &[
            &tlv(0xa0, &integer(&[2])),
            &integer(number),
            &algorithm,
            issuer,
            &group(0x30, &[&tlv(0x17, b"160314000000Z"), &tlv(0x18, b"20520417000000Z")]),
            subject,
            &public_key_info(public),
            &tlv(0xa3, &tlv(0x30, &extensions.concat())),
        ],
    );
    let signature: Signature = SigningKey::from(signer).sign(&to_be_signed);
    let signature = [&[0], signature.to_der().as_bytes()].concat();
    group(0x30, &[&to_be_signed, &algorithm, &tlv(0x03, &signature)])
}

fn public_key_info(public: &PublicKey) -> Vec<u8> {
    let bits = [&[0], &point(public)[..]].concat();
    group(0x30, &[&group(0x30, &[EC_PUBLIC_KEY, P256]), &tlv(0x03, &bits)])
}

fn basic_constraints(path_len: u8) -> Vec<u8> {
    let value = group(0x30, &[TRUE, &integer(&[path_len])]);
    group(0x30, &[BASIC_CONSTRAINTS, TRUE, &tlv(0x04, &value)])
}

fn yubico(number: u8, value: &[u8]) -> Vec<u8> {
    let oid = [YUBICO_PIV, &[number]].concat();
    group(0x30, &[&tlv(0x06, &oid), &tlv(0x04, value)])
}

fn name(common: &str) -> Vec<u8> {
    let attribute = group(0x30, &[COMMON_NAME, &tlv(0x0c, common.as_bytes())]);
    tlv(0x30, &tlv(0x31, &attribute))
}

/// Encodes big-endian bytes as a non-negative DER INTEGER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|&b| b != 0).unwrap_or(bytes.len().saturating_sub(1));
    let digits = &bytes[start..];
    let sign: &[u8] = if digits.first().is_none_or(|&b| b >= 0x80) { &[0] } else { &[] };
    group(0x02, &[sign, digits])
}

/// Returns the encoded subject of a certificate.
fn subject_of(certificate: &[u8]) -> Option<&[u8]> {
    let (0x30, body, _) = split(certificate)? else { return None };
    let (0x30, mut rest, _) = split(body)? else { return None };
    for _version_serial_algorithm_issuer_validity in 0..5 {
        rest = split(rest)?.2;
    }
    let after = split(rest)?.2;
    Some(&rest[..rest.len() - after.len()])
}

/// Converts a certificate from DER to PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("base64 should be ASCII")).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_minimal_and_never_negative() {
        assert_eq!(integer(&[0, 0, 0, 5]), [2, 1, 5]);
        assert_eq!(integer(&[0, 0xff]), [2, 2, 0, 0xff]);
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
    }

    #[test]
    fn the_attestation_root_is_the_same_in_every_run_and_self_issued() {
        let root = Authority::Rig.root();
        assert_eq!(root, Authority::Rig.root());
        assert_eq!(subject_of(&root), Some(&Authority::Rig.name()[..]));
        assert_ne!(root, Authority::Stranger.root());
    }
}
