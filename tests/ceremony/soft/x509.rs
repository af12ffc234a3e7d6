//! Certificates of any shape (RFC 5280 section 4.1), signed by openssl.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::rc::Rc;

use tempfile::NamedTempFile;

/// 1.3.6.1.4.1.41482, Yubico's arc.
const YUBICO: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a];

/// The kinds of a key, as arguments of `openssl genpkey`.
pub const P256: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
pub const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
pub const P521: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-521";
pub const RSA_1024: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:1024";
pub const RSA_2040: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2040";
pub const RSA_2048: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
pub const RSA_2048_E3: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3";
pub const RSA_3072: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:3072";
pub const RSA_4096: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:4096";
pub const RSA_4104: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:4104";

/// ecdsa-with-SHA384, as DER.
pub const ECDSA_SHA384: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

/// At the end of a digest's name: the algorithm of an RSA signature has no parameters.
pub const NO_PARAMETERS: char = '*';

/// A key that signs.
#[derive(Clone)]
pub struct Key {
    /// The private key in PEM; the file goes with its last owner.
    secret: Rc<NamedTempFile>,
    /// DER `SubjectPublicKeyInfo`.
    pub public: Vec<u8>,
    is_rsa: bool,
}

impl Key {
    /// A new key.
    pub fn new(kind: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        let arguments = format!("genpkey {kind}");
        file.write_all(&openssl(&arguments.split(' ').collect::<Vec<_>>(), b"")).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let public = openssl(&["pkey", "-in", &path, "-pubout", "-outform", "DER"], b"");
        Self { secret: file.into(), public, is_rsa: kind.contains("RSA") }
    }

    fn sign(&self, digest: &str, message: &[u8]) -> Vec<u8> {
        let digest = digest.trim_end_matches(NO_PARAMETERS);
        let path = self.secret.path().to_str().unwrap();
        openssl(&["dgst", &format!("-{digest}"), "-sign", path], message)
    }

    /// The algorithm of its signatures with this digest (RFC 5758, RFC 4055).
    fn algorithm(&self, digest: &str) -> Vec<u8> {
        let rsa = |last| der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last]), &[5, 0]]);
        let ecdsa = |last| der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last])]);
        match (self.is_rsa, digest) {
            (true, "sha1") => rsa(5),
            (true, "sha256") => rsa(11),
            (true, "sha384") => rsa(12),
            (true, "sha512") => rsa(13),
            (true, "sha256*") => der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11])]),
            (false, "sha256") => ecdsa(2),
            (false, "sha384") => ecdsa(3),
            (false, "sha512") => ecdsa(4),
            _ => panic!("{digest} has no number here"),
        }
    }
}

/// A certificate to be.
#[derive(Clone)]
pub struct Certificate<'a> {
    pub issuer: Vec<u8>,
    pub subject: Vec<u8>,
    /// DER `SubjectPublicKeyInfo`.
    pub key: &'a [u8],
    pub extensions: Vec<Vec<u8>>,
}

impl Certificate<'_> {
    /// DER of the certificate.
    pub fn sign(&self, signer: &Key, digest: &str) -> Vec<u8> {
        self.sign_as(signer, digest, &signer.algorithm(digest))
    }

    /// The same with another algorithm beside the signature.
    pub fn sign_as(&self, signer: &Key, digest: &str, outside: &[u8]) -> Vec<u8> {
        let extensions = der(0xa3, &[&der(0x30, &[&self.extensions.concat()])]);
        let to_be_signed = der(
            0x30,
            &[
                &der(0xa0, &[&integer(2)]),
                &integer(1),
                &signer.algorithm(digest),
                &self.issuer,
                &der(0x30, &[&der(0x17, &[b"160314000000Z"]), &der(0x18, &[b"20520417000000Z"])]),
                &self.subject,
                self.key,
                if self.extensions.is_empty() { &[] } else { &extensions },
            ],
        );
        let signature = signer.sign(digest, &to_be_signed);
        der(0x30, &[&to_be_signed, outside, &der(0x03, &[&[0], &signature])])
    }
}

/// The basic constraints of a CA.
pub fn ca(path: u32) -> Vec<u8> {
    basic(&[&[0x01, 0x01, 0xff], &integer(path)])
}

/// The basic constraints of a CA without a path length.
pub fn ca_of_any_length() -> Vec<u8> {
    basic(&[&[0x01, 0x01, 0xff]])
}

/// The basic constraints of an end entity.
pub fn not_ca() -> Vec<u8> {
    basic(&[])
}

fn basic(fields: &[&[u8]]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x13], true, &der(0x30, fields))
}

/// Key usage: one byte of bits, and how many of them are unused.
pub fn key_usage(unused: u8, bits: u8) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x0f], true, &der(0x03, &[&[unused, bits]]))
}

/// An extension of Yubico's arc, 1.3.6.1.4.1.41482 and these numbers.
pub fn yubico(numbers: &[u8], value: &[u8]) -> Vec<u8> {
    extension(&[YUBICO, numbers].concat(), false, value)
}

/// The same, marked as critical.
pub fn yubico_critical(numbers: &[u8], value: &[u8]) -> Vec<u8> {
    extension(&[YUBICO, numbers].concat(), true, value)
}

/// An extension.
pub fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    der(0x30, &[&oid(id), critical, &der(0x04, &[value])])
}

/// A name of one common name, as `UTF8String`.
pub fn name(common: &str) -> Vec<u8> {
    name_as(0x0c, common)
}

/// The same as another kind of string.
pub fn name_as(tag: u8, common: &str) -> Vec<u8> {
    let attribute = der(0x30, &[&oid(&[0x55, 0x04, 0x03]), &der(tag, &[common.as_bytes()])]);
    der(0x30, &[&der(0x31, &[&attribute])])
}

/// A name of a common name and an organization.
pub fn name_of_two(common: &str) -> Vec<u8> {
    let attribute = |last, text: &str| {
        der(0x31, &[&der(0x30, &[&oid(&[0x55, 0x04, last]), &der(0x0c, &[text.as_bytes()])])])
    };
    der(0x30, &[&attribute(10, "Yubico"), &attribute(3, common)])
}

/// A non-negative INTEGER.
pub fn integer(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let start = bytes.iter().position(|&byte| byte != 0).unwrap_or(3);
    let sign: &[u8] = if bytes[start] >= 0x80 { &[0] } else { &[] };
    der(0x02, &[sign, &bytes[start..]])
}

fn oid(id: &[u8]) -> Vec<u8> {
    der(0x06, &[id])
}

fn der(tag: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let body = pieces.concat();
    // The shortest form of a length is DER's only one.
    let length = match body.len() {
        short @ 0..0x80 => vec![u8::try_from(short).unwrap()],
        middle @ 0x80..0x100 => vec![0x81, u8::try_from(middle).unwrap()],
        long => [&[0x82], &u16::try_from(long).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], &body].concat()
}

/// Runs openssl, and returns what it writes.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "openssl {arguments:?}");
    done.stdout
}
