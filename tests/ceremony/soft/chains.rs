//! Further attestations, one failure each.

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

/// The vectors.
pub fn rows() -> Vec<Row> {
    [sound(), authority(), extensions(), signatures(), slots(), lengths()].into_iter().flatten().collect()
}

/// An extension that readers do not know: subject key identifier.
fn unknown(critical: bool) -> Vec<u8> {
    x509::extension(&[0x55, 0x1d, 0x0e], critical, &[4, 1, 7])
}

fn sound() -> Vec<Row> {
    vec![
        (
            "attestation_no_path_length",
            "",
            "issuers without a path length",
            plan! { |p| {
                p.links[1].extensions = vec![ca_of_any_length()];
                p.links[2].extensions = vec![ca_of_any_length()];
            } },
        ),
        (
            "attestation_path_length_above",
            "",
            "issuers that allow more certificates below them than there are",
            plan! { |p| {
                p.links[0].extensions = vec![firmware(), ca(3)];
                p.links[1].extensions = vec![ca(4)];
                p.links[2].extensions = vec![ca(255)];
            } },
        ),
        (
            "attestation_unknown_extensions",
            "",
            "extensions that a reader does not know and that are not critical",
            plan! { |p| {
                for link in &mut p.links { link.extensions.push(unknown(false)); }
                p.more = vec![unknown(false)];
            } },
        ),
        (
            "attestation_critical_known",
            "",
            "an extension of PIV attestation is critical",
            plan! { |p| p.more = vec![x509::yubico_critical(&[3, 12], &[1])] },
        ),
        (
            "attestation_printable_name",
            "",
            "the slots' names as a PrintableString",
            plan! { |p| p.named = |text| x509::name_as(0x13, text) },
        ),
        ("attestation_pin_always", "", "PIN policy always", plan! { |p| p.policy = vec![3, 2] }),
        (
            "attestation_rsa_no_parameters",
            "",
            "an RSA signature whose algorithm has no parameters",
            plan! { |p| {
                p.links[1].kind = x509::RSA_2048;
                p.links[0].digest = "sha256*";
            } },
        ),
        (
            "attestation_two",
            "",
            "a chain of two: the device's certificate and the root",
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
            "an issuer allows no certificate below it, there is one",
            plan! { |p| p.links[1].extensions = vec![ca(0)] },
        ),
        (
            "attestation_path_length_256",
            "attestation",
            "the root allows 256 certificates below it",
            plan! { |p| p.links[2].extensions = vec![ca(256)] },
        ),
        (
            "attestation_device_usage",
            "is not a CA's certificate",
            "the device's key usage is without keyCertSign",
            plan! { |p| p.links[0].extensions.push(x509::key_usage(7, 0x80)) },
        ),
        (
            "attestation_root_usage",
            "is not a CA's certificate",
            "the root's key usage is without keyCertSign",
            plan! { |p| p.links[2].extensions.push(x509::key_usage(7, 0x80)) },
        ),
    ]
}

fn extensions() -> Vec<Row> {
    const MUST_NOT: &str = "which it must not have";
    vec![
        (
            "attestation_root_extension",
            MUST_NOT,
            "the root has an extension of a device's",
            plan! { |p| p.links[2].extensions.push(firmware()) },
        ),
        (
            "attestation_device_extension",
            MUST_NOT,
            "the device's certificate has an extension of PIV attestation that is not of a device's",
            plan! { |p| p.links[0].extensions.push(yubico(&[3, 4], &[1])) },
        ),
        (
            "attestation_device_serial",
            "a slot's certificate where",
            "the device's certificate has a serial number, as a slot's has",
            plan! { |p| p.links[0].extensions.push(yubico(&[3, 7], &x509::integer(10_000_010))) },
        ),
        (
            "attestation_device_extension_twice",
            MUST_NOT,
            "the device's certificate has its firmware twice",
            plan! { |p| p.links[0].extensions.push(firmware()) },
        ),
        (
            "attestation_slot_extension_twice",
            MUST_NOT,
            "the slots' certificates have a policy twice",
            plan! { |p| p.more = vec![yubico(&[3, 8], &[2, 2])] },
        ),
        (
            "attestation_slot_critical",
            MUST_NOT,
            "the slots' certificates have a critical extension that a reader does not know",
            plan! { |p| p.more = vec![unknown(true)] },
        ),
        (
            "attestation_device_critical",
            MUST_NOT,
            "the device's certificate has a critical extension that a reader does not know",
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
            "an issuer has an RSA key of 2040 bits",
            plan! { |p| p.links[1].kind = x509::RSA_2040 },
        ),
        (
            "attestation_rsa_4104",
            KIND,
            "an issuer has an RSA key of 4104 bits",
            plan! { |p| p.links[1].kind = x509::RSA_4104 },
        ),
        ("attestation_p521", KIND, "an issuer has a P-521 key", plan! { |p| p.links[1].kind = x509::P521 }),
        (
            "attestation_p384_sha512",
            KIND,
            "a P-384 key signs with SHA-512",
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
            "an organization beside the slots' names",
            plan! { |p| p.named = x509::name_of_two },
        ),
        (
            "attestation_no_serial",
            "another serial number",
            "the certificates do not say of which device they are",
            plan! { |p| p.serial_der = Some(Vec::new()) },
        ),
        (
            "attestation_firmware_short",
            "another firmware version",
            "a firmware version of two bytes",
            plan! { |p| p.firmware = vec![5, 7] },
        ),
        (
            "attestation_no_policy",
            POLICY,
            "the certificates have no policies",
            plan! { |p| p.policy.clear() },
        ),
        (
            "attestation_policy_long",
            POLICY,
            "policies of three bytes",
            plan! { |p| p.policy = vec![2, 2, 0] },
        ),
        ("attestation_touch_cached", POLICY, "touch policy cached", plan! { |p| p.policy = vec![2, 3] }),
        ("attestation_pin_match", POLICY, "PIN policy match once", plan! { |p| p.policy = vec![4, 2] }),
        (
            "attestation_one_key_no_touch",
            "the attestation of its decryption key is not valid",
            "the decryption key alone has touch policy never",
            plan! { |p| p.decryption_policy = Some(vec![2, 1]) },
        ),
        (
            "attestation_slot_subject_case",
            "it does not attest slot 83",
            "the slots' names in capitals",
            plan! { |p| p.subject = "YUBIKEY PIV ATTESTATION " },
        ),
        (
            "attestation_no_name",
            "it does not attest slot 83",
            "the slots' names are empty",
            plan! { |p| p.named = |_| vec![0x30, 0] },
        ),
    ]
}

/// How much longer `padded` makes the certificates, in bytes.
pub static PADDING: AtomicUsize = AtomicUsize::new(0);

/// Makes the certificates of a chain longer.
fn padded(plan: &mut Plan) {
    let more = vec![0; PADDING.load(Relaxed)];
    // 1.3.6.1.4.1.55555.1, which means nothing.
    let id = [0x2b, 6, 1, 4, 1, 0x83, 0xb2, 3, 1];
    plan.links[2].extensions.push(x509::extension(&id, false, &more));
}

/// Files at the limit. The length of a file is always two more than a multiple of four.
fn lengths() -> Vec<Row> {
    /// Other names give lengths of other remainders.
    fn named(members: &mut Value) {
        members["name"] = "a".repeat(1 + PADDING.load(Relaxed) % 8).into();
    }
    vec![
        (
            "enrolment_longest",
            "",
            "a file of 65534 bytes",
            Spec { before: padded, members: named, length: Some(65534), ..Spec::default() },
        ),
        (
            "enrolment_too_long",
            "longer than 65536 bytes",
            "a file of 65538 bytes",
            Spec { before: padded, members: named, length: Some(65538), ..Spec::default() },
        ),
    ]
}
