//! Creates the issuers and the certificates that attest a token in an enrolment file. Most attestations have exactly
//! one fault.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::enrolment::spki;
use serde_json::{Value, json};

use super::certificate::{Row, Spec};
use super::x509::{self, Certificate, Key, ca, name, not_ca, yubico};
use super::{SoftToken, point};

/// Describes a certificate of the chain.
#[derive(Clone)]
pub struct Link {
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    /// The kind of the certified key, as an argument of `Key::new`.
    pub kind: &'static str,
    /// The digest algorithm of the signature on this certificate.
    pub digest: &'static str,
    pub extensions: Vec<Vec<u8>>,
    /// If set, the DER of the signature algorithm outside the signed data. The signed data has another algorithm.
    pub outside: Option<Vec<u8>>,
}

/// Describes all certificates of an attestation: the chain, and the certificates of the two slots. The first
/// certificate of the chain is for the device's key in slot F9.
pub struct Plan {
    pub links: Vec<Link>,
    /// The subject name of the slots' certificates, without the slot's number.
    pub subject: &'static str,
    /// The slots in the subject names: first the slot of the decryption key, then the slot of the signing key.
    pub slots: [&'static str; 2],
    pub firmware: Vec<u8>,
    pub serial: u32,
    pub policy: Vec<u8>,
    /// Additional extensions of the slots' certificates.
    pub more: Vec<Vec<u8>>,
    pub digest: &'static str,
    /// If set, the certificates attest this token's decryption key instead of the enrolled decryption key.
    pub key: Option<SoftToken>,
    /// If set, the certificates attest this token's signing key instead of the enrolled signing key.
    pub signing: Option<SoftToken>,
    /// Encodes the subject name of a slot's certificate as DER.
    pub named: fn(&str) -> Vec<u8>,
    /// If set, replaces the DER encoding of `serial`.
    pub serial_der: Option<Vec<u8>>,
    /// If set, the PIN and touch policies in the decryption key's certificate, instead of `policy`.
    pub decryption_policy: Option<Vec<u8>>,
}

pub fn link(subject: &str, issuer: &str, extensions: Vec<Vec<u8>>) -> Link {
    let (subject, issuer) = (name(subject), name(issuer));
    Link { subject, issuer, kind: x509::P256, digest: "sha256", extensions, outside: None }
}

pub fn firmware() -> Vec<u8> {
    yubico(&[3, 3], &[5, 7, 2])
}

/// Describes a device's certificate with the extensions that genuine certificates have.
pub fn device(issuer: &str) -> Link {
    link("Yubico PIV Attestation", issuer, vec![firmware(), ca(0)])
}

impl Default for Plan {
    /// Returns a valid plan. The device's key in slot F9 signs the slots' certificates, the PIV issuer signs the
    /// device's certificate, and the root signs the PIV issuer's certificate.
    fn default() -> Self {
        Self {
            links: vec![
                device("PIV issuer"),
                link("PIV issuer", "root", vec![ca(1)]),
                link("root", "root", vec![ca(2)]),
            ],
            subject: "YubiKey PIV Attestation ",
            slots: ["82", "83"],
            firmware: vec![5, 7, 2],
            serial: 10_000_010,
            policy: vec![2, 2],
            more: Vec::new(),
            digest: "sha256",
            key: None,
            signing: None,
            named: name,
            serial_der: None,
            decryption_policy: None,
        }
    }
}

/// Returns the value of the field `attestation` in an enrolment.
pub fn certificates(before: fn(&mut Plan), after: fn(&mut Vec<Vec<u8>>), token: &SoftToken) -> Value {
    let mut plan = Plan::default();
    before(&mut plan);
    let keys: Vec<_> = plan.links.iter().map(|link| Key::new(link.kind)).collect();
    let signers = keys.iter().skip(1).chain(keys.last());
    let sign = |((link, key), signer): ((&Link, &Key), &Key)| {
        let (issuer, subject) = (link.issuer.clone(), link.subject.clone());
        let unsigned = Certificate { issuer, subject, key: &key.public, extensions: link.extensions.clone() };
        match &link.outside {
            Some(outside) => unsigned.sign_as(signer, link.digest, outside),
            None => unsigned.sign(signer, link.digest),
        }
    };
    let mut chain: Vec<_> = plan.links.iter().zip(&keys).zip(signers).map(sign).collect();
    after(&mut chain);
    let other = plan.key.as_ref().unwrap_or(token);
    let slot = |number: usize, key: &p256::SecretKey| {
        let mut extensions = Vec::new();
        let serial = plan.serial_der.clone().unwrap_or_else(|| x509::integer(plan.serial));
        let policy = plan.decryption_policy.as_ref().filter(|_| number == 0).unwrap_or(&plan.policy);
        for (number, value) in [(3, &plan.firmware), (7, &serial), (8, policy), (9, &vec![4])] {
            if !value.is_empty() {
                extensions.push(yubico(&[3, number], value));
            }
        }
        extensions.extend(plan.more.clone());
        let unsigned = Certificate {
            issuer: plan.links.first().map(|device| device.subject.clone()).unwrap_or_default(),
            subject: (plan.named)(&format!("{}{}", plan.subject, plan.slots[number])),
            key: &spki(&point(key)).unwrap(),
            extensions,
        };
        BASE64_STANDARD.encode(unsigned.sign(&keys[0], plan.digest))
    };
    json!({
        "chain": chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect::<Vec<_>>(),
        "decryption": slot(0, &other.decryption),
        "signing": slot(1, &plan.signing.as_ref().unwrap_or(token).signing),
    })
}

/// Describes a certificate of a slot that takes the place of an issuer in the chain.
fn slot_as_issuer(more: Vec<Vec<u8>>) -> Link {
    let extensions = [more, vec![yubico(&[3, 7], &x509::integer(10_000_010)), yubico(&[3, 8], &[2, 2])]];
    link("YubiKey PIV Attestation 9a", "Yubico PIV Attestation", extensions.concat())
}

macro_rules! plan {
    (|$plan:ident| $edit:expr) => {
        Spec { before: |$plan| $edit, ..Spec::default() }
    };
}

pub fn rows() -> Vec<Row> {
    [sound(), chains(), issuers(), signatures(), slots()].into_iter().flatten().collect()
}

fn sound() -> Vec<Row> {
    vec![
        (
            "attestation_by_the_root",
            "",
            "the root signs the device's certificate directly, as Yubico's root of 2016 does",
            plan! { |p| p.links = vec![device("root"), link("root", "root", vec![ca(1)])] },
        ),
        (
            "attestation_device_unmarked",
            "",
            "the device's certificate has no basic constraints, like the certificates of firmware 5.2.4",
            plan! { |p| p.links[0].extensions = vec![firmware()] },
        ),
        (
            "attestation_device_fips",
            "",
            "the device's certificate has the FIPS and CSPN extensions",
            plan! { |p| p.links[0].extensions.extend([yubico(&[3, 10], &[1]), yubico(&[3, 11], &[1])]) },
        ),
        (
            "attestation_six",
            "",
            "the chain has six certificates, the most allowed",
            plan! { |p| {
                let more = [("4", "3", 2), ("3", "2", 3), ("2", "root", 4)];
                p.links[1].issuer = name("4");
                p.links.splice(2.., more.map(|(of, by, path)| link(of, by, vec![ca(path)])));
                p.links.push(link("root", "root", vec![ca(5)]));
            } },
        ),
        (
            "attestation_rsa",
            "",
            "the keys are RSA keys of 2048, 3072 and 4096 bits, with SHA-256, SHA-384 and SHA-512",
            plan! { |p| {
                let kinds = [x509::RSA_2048, x509::RSA_3072, x509::RSA_4096];
                for ((link, kind), digest) in p.links.iter_mut().zip(kinds).zip(["sha256", "sha384", "sha512"]) {
                    (link.kind, link.digest) = (kind, digest);
                }
            } },
        ),
        (
            "attestation_p384",
            "",
            "the keys are P-384 keys; issuers sign with SHA-384, and the device signs with SHA-256",
            plan! { |p| for link in &mut p.links {
                (link.kind, link.digest) = (x509::P384, "sha384");
            } },
        ),
        (
            "attestation_key_usage",
            "",
            "the key usage of an issuer includes `keyCertSign`",
            plan! { |p| p.links[1].extensions.push(x509::key_usage(1, 0x06)) },
        ),
        (
            "attestation_slot_key_usage",
            "",
            "the slots' certificates have a key usage, which does not include `keyCertSign`",
            plan! { |p| p.more = vec![x509::key_usage(7, 0x80)] },
        ),
    ]
}

fn chains() -> Vec<Row> {
    const LENGTH: &str = "its chain must have 2 to 6 certificates";
    vec![
        (
            "attestation_no_chain",
            LENGTH,
            "the chain of certificates is empty",
            Spec { after: Vec::clear, ..Spec::default() },
        ),
        (
            "attestation_no_root",
            LENGTH,
            "the chain contains only the device's certificate",
            Spec { after: |c| c.truncate(1), ..Spec::default() },
        ),
        (
            "attestation_seven",
            LENGTH,
            "the chain has seven certificates, one too many",
            plan! { |p| {
                let more = [("5", "4"), ("4", "3"), ("3", "2"), ("2", "root")];
                p.links[1].issuer = name("5");
                p.links[2].extensions = vec![ca(9)];
                let more = more.map(|(of, by)| link(of, by, vec![ca(9)]));
                p.links.splice(2..2, more);
            } },
        ),
        (
            "attestation_no_device",
            "is not the certificate of its issuer",
            "the device's certificate is missing from the chain",
            Spec { after: |c| drop(c.remove(0)), ..Spec::default() },
        ),
        (
            "attestation_gap",
            "is not the certificate of its issuer",
            "the PIV issuer's certificate is missing from the chain",
            Spec { after: |c| drop(c.remove(1)), ..Spec::default() },
        ),
        (
            "attestation_order",
            "is not the certificate of its issuer",
            "two issuers in the chain are in the wrong order",
            plan! { |p| {
                // F9's certificate is issued by the PIV issuer, but the next certificate in the chain is the one of
                // `intermediate`.
                p.links[1].issuer = name("intermediate");
                p.links.insert(1, link("intermediate", "root", vec![ca(2)]));
                p.links[2].extensions = vec![ca(2)];
                p.links[3].extensions = vec![ca(3)];
            } },
        ),
        (
            "attestation_name_string",
            "is not the certificate of its issuer",
            "the certificates of the device and of its issuer encode the issuer's name as different string types",
            plan! { |p| p.links[0].issuer = x509::name_as(0x13, "PIV issuer") },
        ),
        (
            "attestation_root_not_self_signed",
            "is not a root",
            "the issuer and the subject of the last certificate differ, so it is not a root",
            plan! { |p| p.links[2].issuer = name("another root") },
        ),
        (
            "attestation_link",
            "is not signed by its issuer",
            "the signature of the device's certificate is wrong",
            Spec { after: |c| break_signature(&mut c[0]), ..Spec::default() },
        ),
        (
            "attestation_root_signature",
            "is not signed by its issuer",
            "the signature of the root certificate is wrong",
            Spec { after: |c| break_signature(c.last_mut().unwrap()), ..Spec::default() },
        ),
    ]
}

fn break_signature(certificate: &mut [u8]) {
    *certificate.last_mut().unwrap() ^= 1;
}

fn issuers() -> Vec<Row> {
    vec![
        (
            "attestation_by_a_slot",
            "a slot's certificate where",
            "a key in another slot of a genuine device signs certificates for keys that are not in the device",
            plan! { |p| {
                p.links.insert(0, slot_as_issuer(vec![ca(0)]));
                p.links[1].extensions = vec![firmware(), ca(1)];
                p.links[2].extensions = vec![ca(2)];
                p.links[3].extensions = vec![ca(3)];
            } },
        ),
        (
            "attestation_openpgp",
            "the extension 1.3.6.1.4.1.41482.5.2, which it must not have",
            "an attested OpenPGP key of a genuine device signs certificates for keys that are not in the device",
            plan! { |p| {
                let attested = vec![yubico(&[5, 2], &[5, 7, 4]), yubico(&[5, 7], &x509::integer(10_000_010))];
                p.links = vec![
                    link("YubiKey OPGP Attestation SIG", "Yubico OPGP Attestation", attested),
                    link("Yubico OPGP Attestation", "OPGP issuer", vec![ca(1)]),
                    link("OPGP issuer", "root", vec![ca(2)]),
                    link("root", "root", vec![ca(3)]),
                ];
            } },
        ),
        (
            "attestation_fido",
            "the extension 1.3.6.1.4.1.41482.2, which it must not have",
            "a FIDO attestation key signs certificates for keys that are not in any device",
            plan! { |p| p.links[0].extensions = vec![yubico(&[2], b"1.3.6.1.4.1.41482.1.7")] },
        ),
        (
            "attestation_device_not_a_ca",
            "is not a CA's certificate",
            "the basic constraints of the device's certificate mark it as an end entity",
            plan! { |p| p.links[0].extensions = vec![firmware(), not_ca()] },
        ),
        (
            "attestation_issuer_extension",
            "the extension 1.3.6.1.4.1.41482.3.3, which it must not have",
            "an issuer's certificate has an extension that belongs in a device's certificate",
            plan! { |p| p.links[1].extensions.push(firmware()) },
        ),
        (
            "attestation_issuer_unmarked",
            "is not a CA's certificate",
            "the certificate of an issuer has no basic constraints",
            plan! { |p| p.links[1].extensions = Vec::new() },
        ),
        (
            "attestation_issuer_not_a_ca",
            "is not a CA's certificate",
            "the basic constraints of an issuer's certificate mark it as an end entity",
            plan! { |p| p.links[1].extensions = vec![not_ca()] },
        ),
        (
            "attestation_root_not_a_ca",
            "is not a CA's certificate",
            "the root certificate has no basic constraints",
            plan! { |p| p.links[2].extensions = Vec::new() },
        ),
        (
            "attestation_issuer_usage",
            "is not a CA's certificate",
            "the key usage of an issuer does not include `keyCertSign`",
            plan! { |p| p.links[1].extensions.push(x509::key_usage(7, 0x80)) },
        ),
        (
            "attestation_path_length",
            "does not allow as many certificates below it",
            "the root allows one certificate below itself in the chain, but there are two",
            plan! { |p| p.links[2].extensions = vec![ca(1)] },
        ),
        (
            "attestation_extension_twice",
            "the extension 2.5.29.19, which it must not have",
            "the certificate of an issuer has the basic constraints extension twice",
            plan! { |p| p.links[1].extensions.push(ca(1)) },
        ),
        (
            "attestation_critical",
            "the extension 2.5.29.30, which it must not have",
            "an issuer has critical name constraints, an extension that readers do not support",
            plan! { |p| p.links[1].extensions.push(x509::extension(&[0x55, 0x1d, 0x1e], true, &[0x30, 0])) },
        ),
    ]
}

fn signatures() -> Vec<Row> {
    const KIND: &str = "of a kind that is not accepted";
    vec![
        (
            "attestation_p256_sha384",
            KIND,
            "a P-256 key signs a certificate with SHA-384",
            plan! { |p| p.links[0].digest = "sha384" },
        ),
        (
            "attestation_rsa_1024",
            KIND,
            "the RSA key of an issuer has 1024 bits",
            plan! { |p| p.links[1].kind = x509::RSA_1024 },
        ),
        (
            "attestation_rsa_exponent",
            KIND,
            "the RSA key of an issuer has the exponent 3",
            plan! { |p| p.links[1].kind = x509::RSA_2048_E3 },
        ),
        (
            "attestation_sha1",
            KIND,
            "an issuer signs a certificate with SHA-1",
            plan! { |p| {
                p.links[1].kind = x509::RSA_2048;
                p.links[0].digest = "sha1";
            } },
        ),
        (
            "attestation_two_algorithms",
            KIND,
            "a certificate has different signature algorithms inside and outside its signed data",
            plan! { |p| p.links[0].outside = Some(x509::ECDSA_SHA384.into()) },
        ),
    ]
}

fn slots() -> Vec<Row> {
    vec![
        (
            "attestation_other_slot",
            "it does not attest slot 83",
            "the subject names of the two slots' certificates are exchanged",
            plan! { |p| p.slots = ["83", "82"] },
        ),
        (
            "attestation_other_subject",
            "it does not attest slot 83",
            "the subject names of the slots' certificates are those of the OpenPGP application",
            plan! { |p| p.subject = "YubiKey OPGP Attestation " },
        ),
        (
            "attestation_slot_is_a_ca",
            "it is marked as a CA's",
            "the slots' certificates are marked as certificates of a CA",
            plan! { |p| p.more = vec![ca(0)] },
        ),
        (
            "attestation_slot_extension",
            "the extension 1.3.6.1.4.1.41482.5.3, which it must not have",
            "the slots' certificates have an extension of OpenPGP attestation",
            plan! { |p| p.more = vec![yubico(&[5, 3], &[1])] },
        ),
        (
            "attestation_other_serial",
            "another serial number",
            "the slots' certificates have the serial number of another device",
            plan! { |p| p.serial = 10_000_011 },
        ),
        (
            "attestation_other_firmware",
            "another firmware version",
            "the slots' certificates have a newer firmware version than the payload",
            plan! { |p| p.firmware = vec![5, 7, 4] },
        ),
        (
            "attestation_no_firmware",
            "another firmware version",
            "the slots' certificates have no firmware version",
            plan! { |p| p.firmware.clear() },
        ),
        (
            "attestation_other_key",
            "attests another key",
            "the certificate of the decryption key attests another key",
            plan! { |p| p.key = Some(SoftToken::new(0)) },
        ),
        (
            "attestation_no_touch",
            "does not require both a PIN and a touch",
            "the touch policy in the certificates is `never`",
            plan! { |p| p.policy = vec![2, 1] },
        ),
        (
            "attestation_no_pin",
            "does not require both a PIN and a touch",
            "the PIN policy in the certificates is `never`",
            plan! { |p| p.policy = vec![1, 2] },
        ),
    ]
}
