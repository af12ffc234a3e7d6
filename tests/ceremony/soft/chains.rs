//! More attestations of enrolment files. Most attestations have exactly one fault.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::Value;

use super::attested::{Plan, device, firmware, link};
use super::certificate::{Row, Spec};
use super::x509::{self, ca, ca_of_any_length, yubico};

macro_rules! plan {
    (|$plan:ident| $edit:expr) => {
        Spec { before: |$plan| $edit, ..Spec::default() }
    };
}

pub fn rows() -> Vec<Row> {
    [sound(), authority(), extensions(), signatures(), slots(), lengths()].into_iter().flatten().collect()
}

/// Returns an extension that readers do not support: the subject key identifier.
fn unknown(critical: bool) -> Vec<u8> {
    x509::extension(&[0x55, 0x1d, 0x0e], critical, &[4, 1, 7])
}

fn sound() -> Vec<Row> {
    vec![
        (
            "attestation_no_path_length",
            "",
            "the issuers' basic constraints have no path length",
            plan! { |p| {
                p.links[1].extensions = vec![ca_of_any_length()];
                p.links[2].extensions = vec![ca_of_any_length()];
            } },
        ),
        (
            "attestation_path_length_above",
            "",
            "the issuers' path lengths allow more certificates than the chain has",
            plan! { |p| {
                p.links[0].extensions = vec![firmware(), ca(3)];
                p.links[1].extensions = vec![ca(4)];
                p.links[2].extensions = vec![ca(255)];
            } },
        ),
        (
            "attestation_unknown_extensions",
            "",
            "the certificates have unknown extensions that are not critical",
            plan! { |p| {
                for link in &mut p.links { link.extensions.push(unknown(false)); }
                p.more = vec![unknown(false)];
            } },
        ),
        (
            "attestation_critical_known",
            "",
            "an extension of PIV attestation is marked as critical",
            plan! { |p| p.more = vec![x509::yubico_critical(&[3, 12], &[1])] },
        ),
        (
            "attestation_printable_name",
            "",
            "the subject names of the slots' certificates are a PrintableString",
            plan! { |p| p.named = |text| x509::name_as(0x13, text) },
        ),
        (
            "attestation_pin_always",
            "",
            "the PIN policy in the certificates is `always`",
            plan! { |p| p.policy = vec![3, 2] },
        ),
        (
            "attestation_rsa_no_parameters",
            "",
            "the algorithm of an RSA signature has no parameters",
            plan! { |p| {
                p.links[1].kind = x509::RSA_2048;
                p.links[0].digest = "sha256*";
            } },
        ),
        (
            "attestation_two",
            "",
            "the chain has two certificates: the device's certificate and the root",
            plan! { |p| {
                p.links = vec![device("root"), link("root", "root", vec![ca_of_any_length()])];
            } },
        ),
    ]
}

fn authority() -> Vec<Row> {
    vec![
        (
            "attestation_issuer_path_length",
            "does not allow as many certificates below it",
            "an issuer allows no certificate below itself in the chain, but there is one",
            plan! { |p| p.links[1].extensions = vec![ca(0)] },
        ),
        (
            "attestation_path_length_256",
            "attestation",
            "the path length of the root is 256, one above the limit",
            plan! { |p| p.links[2].extensions = vec![ca(256)] },
        ),
        (
            "attestation_device_usage",
            "is not a CA's certificate",
            "the key usage of the device's certificate does not include `keyCertSign`",
            plan! { |p| p.links[0].extensions.push(x509::key_usage(7, 0x80)) },
        ),
        (
            "attestation_root_usage",
            "is not a CA's certificate",
            "the key usage of the root does not include `keyCertSign`",
            plan! { |p| p.links[2].extensions.push(x509::key_usage(7, 0x80)) },
        ),
    ]
}

fn extensions() -> Vec<Row> {
    /// The value of an extended key usage with one purpose: `anyExtendedKeyUsage`.
    const EXTENDED_USAGE: &[u8] = &[0x30, 6, 6, 4, 0x55, 0x1d, 0x25, 0];
    const MUST_NOT: &str = "which it must not have";
    vec![
        (
            "attestation_root_extension",
            MUST_NOT,
            "the root certificate has an extension that belongs in a device's certificate",
            plan! { |p| p.links[2].extensions.push(firmware()) },
        ),
        (
            "attestation_device_extension",
            MUST_NOT,
            "the device's certificate has an extension of PIV attestation that does not belong there",
            plan! { |p| p.links[0].extensions.push(yubico(&[3, 4], &[1])) },
        ),
        (
            "attestation_device_serial",
            "a slot's certificate where",
            "the device's certificate has a device serial number, which belongs in a slot's certificate",
            plan! { |p| p.links[0].extensions.push(yubico(&[3, 7], &x509::integer(10_000_010))) },
        ),
        (
            "attestation_device_extension_twice",
            MUST_NOT,
            "the device's certificate has the firmware extension twice",
            plan! { |p| p.links[0].extensions.push(firmware()) },
        ),
        (
            "attestation_slot_extension_twice",
            MUST_NOT,
            "the slots' certificates have the policy extension twice",
            plan! { |p| p.more = vec![yubico(&[3, 8], &[2, 2])] },
        ),
        (
            "attestation_slot_critical",
            MUST_NOT,
            "the slots' certificates have an unknown extension that is critical",
            plan! { |p| p.more = vec![unknown(true)] },
        ),
        (
            "attestation_slot_extension_arc",
            MUST_NOT,
            "the slots' certificates have the extension 41482.3, without a number after it",
            plan! { |p| p.more = vec![yubico(&[3], &[1])] },
        ),
        (
            "attestation_slot_extension_below",
            MUST_NOT,
            "the slots' certificates have the extension 41482.3.7.1, with two numbers after 41482.3",
            plan! { |p| p.more = vec![yubico(&[3, 7, 1], &[1])] },
        ),
        (
            "attestation_slot_extension_root_arc",
            MUST_NOT,
            "the slots' certificates have the extension 41482, the arc of Yubico itself",
            plan! { |p| p.more = vec![yubico(&[], &[1])] },
        ),
        (
            "attestation_critical_extended_usage",
            MUST_NOT,
            "the extended key usage of an issuer is critical",
            plan! { |p| p.links[1].extensions.push(x509::extension(&[0x55, 0x1d, 0x25], true, EXTENDED_USAGE)) },
        ),
        (
            "attestation_device_critical",
            MUST_NOT,
            "the device's certificate has an unknown extension that is critical",
            plan! { |p| p.links[0].extensions.push(unknown(true)) },
        ),
    ]
}

fn signatures() -> Vec<Row> {
    const KIND: &str = "of a kind that is not accepted";
    vec![
        (
            "attestation_rsa_2040",
            KIND,
            "the RSA key of an issuer has 2040 bits",
            plan! { |p| p.links[1].kind = x509::RSA_2040 },
        ),
        (
            "attestation_rsa_4104",
            KIND,
            "the RSA key of an issuer has 4104 bits",
            plan! { |p| p.links[1].kind = x509::RSA_4104 },
        ),
        (
            "attestation_p521",
            KIND,
            "the key of an issuer is a P-521 key",
            plan! { |p| p.links[1].kind = x509::P521 },
        ),
        (
            "attestation_p384_sha512",
            KIND,
            "a P-384 key signs a certificate with SHA-512",
            plan! { |p| {
                p.links[1].kind = x509::P384;
                p.links[0].digest = "sha512";
            } },
        ),
    ]
}

fn slots() -> Vec<Row> {
    const POLICY: &str = "does not require both a PIN and a touch";
    vec![
        (
            "attestation_two_names",
            "it does not attest slot 83",
            "the subject names of the slots' certificates also contain an organization",
            plan! { |p| p.named = x509::name_of_two },
        ),
        (
            "attestation_no_serial",
            "another serial number",
            "the slots' certificates have no serial number of the device",
            plan! { |p| p.serial_der = Some(Vec::new()) },
        ),
        (
            "attestation_firmware_short",
            "another firmware version",
            "the firmware version in the slots' certificates has two bytes instead of three",
            plan! { |p| p.firmware = vec![5, 7] },
        ),
        (
            "attestation_no_policy",
            POLICY,
            "the slots' certificates have no PIN and touch policies",
            plan! { |p| p.policy.clear() },
        ),
        (
            "attestation_policy_long",
            POLICY,
            "the policy extension has three bytes instead of two",
            plan! { |p| p.policy = vec![2, 2, 0] },
        ),
        (
            "attestation_touch_cached",
            POLICY,
            "the touch policy in the certificates is `cached`",
            plan! { |p| p.policy = vec![2, 3] },
        ),
        (
            "attestation_pin_match",
            POLICY,
            "the PIN policy in the certificates is `match once`",
            plan! { |p| p.policy = vec![4, 2] },
        ),
        (
            "attestation_one_key_no_touch",
            "the attestation of its decryption key is not valid",
            "only the decryption key's certificate has a wrong touch policy: the policy is `never`",
            plan! { |p| p.decryption_policy = Some(vec![2, 1]) },
        ),
        (
            "attestation_slot_subject_case",
            "it does not attest slot 83",
            "the subject names of the slots' certificates are in capital letters",
            plan! { |p| p.subject = "YUBIKEY PIV ATTESTATION " },
        ),
        (
            "attestation_no_name",
            "it does not attest slot 83",
            "the subject names of the slots' certificates are empty",
            plan! { |p| p.named = |_| vec![0x30, 0] },
        ),
    ]
}

/// The number of bytes that `padded` adds to the root's certificate.
pub static PADDING: AtomicUsize = AtomicUsize::new(0);

/// Adds `PADDING` bytes to the root's certificate.
fn padded(plan: &mut Plan) {
    let more = vec![0; PADDING.load(Relaxed)];
    // The extension 1.3.6.1.4.1.55555.1 has no meaning.
    let id = [0x2b, 6, 1, 4, 1, 0x83, 0xb2, 3, 1];
    plan.links[2].extensions.push(x509::extension(&id, false, &more));
}

/// Enrolment files at the length limit. Only some lengths are possible: two more than a multiple of four.
fn lengths() -> Vec<Row> {
    /// Sets a name of 1 to 8 characters. The length of the name changes the length of the payload modulo three.
    fn named(members: &mut Value) {
        members["name"] = "a".repeat(1 + PADDING.load(Relaxed) % 8).into();
    }
    vec![
        (
            "enrolment_longest",
            "",
            "the enrolment file has 65534 bytes, the greatest possible length",
            Spec { before: padded, members: named, length: Some(65534), ..Spec::default() },
        ),
        (
            "enrolment_too_long",
            "longer than 65536 bytes",
            "the enrolment file has 65538 bytes, more than the limit of 65536",
            Spec { before: padded, members: named, length: Some(65538), ..Spec::default() },
        ),
    ]
}
