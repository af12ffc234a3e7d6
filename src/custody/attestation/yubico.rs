//! Yubico's roots, and the issuers under them that sign the PIV attestation certificates (F9) of devices.
//!
//! The digests were computed from the certificates in the repository Yubico/developers.yubico.com
//! (`static/PKI/yubico-piv-ca-1.pem`, `yubico-ca-1.pem`, `yubico-intermediate.pem`). The site developers.yubico.com/PKI
//! serves these files. Three other repositories contain some of these certificates. The repository obelisk/sshcerts
//! (`src/yubikey/verification.rs`) contains all certificates except that of the issuer B2 1. The repository
//! smallstep/crypto (`kms/yubikey/yubikey.go`) contains the certificates of the issuers A 1 and B 1. The repository
//! go-piv/piv-go (`piv/key.go`) contains Yubico's root of 2016.
//!
//! The issuer B2 1 dates from 2025. The repository franekSoftSF/blinky also contains it
//! (`src/Blinky.Piv/Attestation/yubico-piv-attestation-intermediates.pem`, commit ccb63707). The SHA-256 of the
//! certificate of B2 1 is 0c90b7d184a36edf50a35f9be935f0c5689bfdcfe5bdd073366cafb49061a440.

use sha2::{Digest as _, Sha256};

/// One of Yubico's roots and the PIV attestation issuers under this root.
struct Root {
    /// SHA-256 of the root's certificate.
    certificate: &'static str,
    /// SHA-256 of each issuer's `SubjectPublicKeyInfo`.
    issuers: &'static [&'static str],
}

const ROOTS: [Root; 2] = [
    // Yubico PIV Root CA Serial 263751, for firmware before 5.7.4. This root signs the devices' certificates itself.
    Root {
        certificate: "63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546",
        issuers: &["4b185b7783d792f902cd960cd1c9417977d88d3077b16bc9ebdcef7313f2e29e"],
    },
    // Yubico Attestation Root 1, from firmware 5.7.4. The issuers for FIDO, OpenPGP, Secure Domain and YubiHSM are
    // also under this root.
    Root {
        certificate: "62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8",
        issuers: &[
            // Yubico PIV Attestation A 1
            "1cc0b75bbdd4c555fc51af739a1b2a78f89737916e3dd9d8a0dbd194ccf04742",
            // Yubico PIV Attestation B 1
            "55f17a4e9bc54bee96076f516f81c4d85db16a82105b8d4823ce081040c31a0a",
            // Yubico PIV Attestation B2 1
            "0b137f610ba31167797962eeae04607101df53220aa1d2aa59dc054b92e1ea53",
        ],
    },
];

/// Returns whether a certificate (DER) is one of Yubico's roots.
pub fn is_root(root: &[u8]) -> bool {
    pinned(&ROOTS, root).is_some()
}

/// Returns whether a key (DER `SubjectPublicKeyInfo`) is the key of a PIV attestation issuer under `root`. Returns
/// `None` if `root` is not one of Yubico's roots.
pub fn is_piv_issuer(key: &[u8], root: &[u8]) -> Option<bool> {
    piv_issuer(&ROOTS, key, root)
}

fn piv_issuer(roots: &[Root], key: &[u8], root: &[u8]) -> Option<bool> {
    let key = hex::encode(Sha256::digest(key));
    Some(pinned(roots, root)?.issuers.contains(&key.as_str()))
}

fn pinned<'a>(roots: &'a [Root], root: &[u8]) -> Option<&'a Root> {
    let certificate = hex::encode(Sha256::digest(root));
    roots.iter().find(|root| root.certificate == certificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_digest_is_valid_and_occurs_once() {
        let pins: Vec<_> =
            ROOTS.iter().flat_map(|root| [&[root.certificate], root.issuers].concat()).collect();
        assert!(pins.iter().all(|pin| hex::decode(pin).is_ok_and(|digest| digest.len() == 32)));
        assert_eq!(pins.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    }

    #[test]
    fn only_piv_issuers_of_yubicos_roots_count() {
        let digest = |of: &[u8]| hex::encode(Sha256::digest(of));
        let issuer = digest(b"issuer");
        let issuers: &'static [&'static str] = Box::leak(Box::new([&*issuer.leak()]));
        let roots = [Root { certificate: digest(b"root").leak(), issuers }];
        assert_eq!(piv_issuer(&roots, b"issuer", b"root"), Some(true));
        assert_eq!(piv_issuer(&roots, b"OpenPGP issuer", b"root"), Some(false));
        assert_eq!(piv_issuer(&roots, b"issuer", b"another root"), None);
        assert_eq!(piv_issuer(&ROOTS, b"issuer", b"root"), None);
    }
}
