//! Verifies attestation chains that openssl creates: RSA chains as on Yubico's devices, and invalid chains.

use std::path::Path;
use std::process::Command;

use breakglass::custody::attestation::{AttestationError, AttestedKey, chain, from_pem, root_owner, verify};
use breakglass::vault::firmware::Firmware;
use breakglass::vault::manifest::Attested;
use der::{Decode as _, Encode as _};

/// The extensions of an attestation: firmware 5.7.2, serial number 20000001 as a DER INTEGER, PIN policy *once*,
/// touch policy *always*.
const LEAF: &str = "1.3.6.1.4.1.41482.3.3=DER:05:07:02\n1.3.6.1.4.1.41482.3.7=DER:02:04:01:31:2d:01\n\
                    1.3.6.1.4.1.41482.3.8=DER:02:02\n";

fn openssl(dir: &Path, arguments: &str) {
    // An underscore in `arguments` stands for a space inside one argument, because the text is split at spaces.
    let arguments: Vec<_> = arguments.split(' ').map(|argument| argument.replace('_', " ")).collect();
    let done = Command::new("openssl").args(&arguments).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Creates the chain root → intermediate → f9 → leaf. The leaf has a P-256 key; all other certificates have RSA keys.
/// The signatures use SHA-512, SHA-384 and SHA-256.
fn make(dir: &Path, leaf_extensions: &str) {
    std::fs::write(dir.join("ca.ext"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    std::fs::write(dir.join("leaf.ext"), leaf_extensions).unwrap();
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=Root -sha512 -days 9",
    );
    for (name, issuer, digest) in [("intermediate", "root", "sha512"), ("f9", "intermediate", "sha384")] {
        openssl(
            dir,
            &format!("req -new -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"),
        );
        openssl(
            dir,
            &format!(
                "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -out {name}.pem -{digest} -days 9 -extfile ca.ext"
            ),
        );
    }
    openssl(dir, "ecparam -name prime256v1 -genkey -noout -out leaf.key");
    openssl(dir, "req -new -key leaf.key -out leaf.csr -subj /CN=YubiKey_PIV_Attestation_82");
    openssl(
        dir,
        "x509 -req -in leaf.csr -CA f9.pem -CAkey f9.key -CAcreateserial -out leaf.pem -sha256 -days 9 -extfile leaf.ext",
    );
}

fn der(dir: &Path, name: &str) -> Vec<u8> {
    from_pem(&std::fs::read(dir.join(name)).unwrap()).unwrap().remove(0)
}

fn key_of(certificate: &[u8]) -> Vec<u8> {
    let certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    certificate.tbs_certificate().subject_public_key_info().to_der().unwrap()
}

/// Returns the values that the extensions in `LEAF` state.
fn attested(key: &[u8]) -> AttestedKey<'_> {
    AttestedKey { key, slot: "82", serial: 20_000_001, firmware: Firmware([5, 7, 2]) }
}

#[test]
fn a_complete_rsa_chain_is_valid_and_an_incomplete_chain_is_not() {
    let dir = rig::site::tempdir();
    make(dir.path(), LEAF);
    let (leaf, f9) = (der(dir.path(), "leaf.pem"), der(dir.path(), "f9.pem"));
    let (root, intermediate) = (der(dir.path(), "root.pem"), der(dir.path(), "intermediate.pem"));
    let key = key_of(&leaf);
    let expected = attested(&key);
    let whole = chain(&f9, &[root.clone(), intermediate.clone()]).unwrap();
    assert_eq!(whole, [f9.clone(), intermediate.clone(), root.clone()]);
    assert_eq!(verify(&leaf, &whole, &expected), Ok(Attested::Other));

    assert_eq!(root_owner(&whole), Ok(Attested::Other));

    let missing = |issuer: &str, of: &str| {
        Err(AttestationError::IssuerMissing { issuer: format!("CN={issuer}"), of: format!("CN={of}") })
    };
    assert_eq!(chain(&f9, std::slice::from_ref(&root)), missing("intermediate", "f9"));
    assert_eq!(chain(&f9, std::slice::from_ref(&intermediate)), missing("Root", "intermediate"));
    assert!(
        verify(&leaf, &[f9.clone(), root.clone()], &expected).is_err(),
        "a chain with a gap should be refused"
    );
    assert!(
        verify(&leaf, &[f9.clone(), intermediate], &expected).is_err(),
        "a chain without a self-signed root should be refused"
    );
    assert!(
        verify(&f9, &whole, &expected).is_err(),
        "the device's certificate should not count as a slot's attestation"
    );
    let other = key_of(&root);
    assert!(
        verify(&leaf, &whole, &attested(&other)).is_err(),
        "the attestation of another key should be refused"
    );
    let another = AttestedKey { serial: 20_000_002, ..attested(&key) };
    assert!(verify(&leaf, &whole, &another).is_err(), "the attestation of another device should be refused");
    let mut forged = leaf.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(
        verify(&forged, &whole, &expected).is_err(),
        "an attestation with a changed signature should be refused"
    );
}

#[test]
fn an_unreadable_root_certificate_is_not_reported_as_a_fault_of_the_device() {
    let dir = rig::site::tempdir();
    make(dir.path(), LEAF);
    let (f9, mut root) = (der(dir.path(), "f9.pem"), der(dir.path(), "root.pem"));
    root.push(0);
    let found = chain(&f9, &[der(dir.path(), "intermediate.pem"), root]);
    assert!(matches!(found, Err(AttestationError::Trusted(_))), "{found:?}");
    let found = chain(&[0x30, 0], &[der(dir.path(), "intermediate.pem")]);
    assert!(matches!(found, Err(AttestationError::Certificate(_))), "{found:?}");
}

#[test]
fn a_file_of_root_certificates_can_contain_other_text() {
    let dir = rig::site::tempdir();
    make(dir.path(), LEAF);
    let pem = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let file =
        format!("Yubico roots\n\n{}# and more\r\n{}\n", pem("root.pem"), pem("f9.pem").replace('\n', "\r\n"));
    assert_eq!(from_pem(file.as_bytes()).unwrap(), [der(dir.path(), "root.pem"), der(dir.path(), "f9.pem")]);
    assert!(from_pem(b"no certificate").is_err());
    assert!(from_pem(file.replace("MII", "M!I").as_bytes()).is_err());
}

#[test]
fn an_attested_key_without_pin_or_touch_is_refused() {
    for policy in ["01:02", "02:01", "02:03"] {
        let dir = rig::site::tempdir();
        make(dir.path(), &LEAF.replace("DER:02:02\n", &format!("DER:{policy}\n")));
        let leaf = der(dir.path(), "leaf.pem");
        let trusted = [der(dir.path(), "root.pem"), der(dir.path(), "intermediate.pem")];
        let whole = chain(&der(dir.path(), "f9.pem"), &trusted).unwrap();
        let key = key_of(&leaf);
        let verified = verify(&leaf, &whole, &attested(&key));
        assert_eq!(verified.unwrap_err(), AttestationError::Policy, "{policy}");
    }
}
