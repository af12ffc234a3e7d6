//! Makes X.509 certificates with arbitrary content (RFC 5280 section 4.1). openssl signs the certificates.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::rc::Rc;

use tempfile::NamedTempFile;

/// The DER of Yubico's arc of object identifiers, 1.3.6.1.4.1.41482.
const YUBICO: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xc4, 0x0a];

// Each constant has the arguments of `openssl genpkey` for one kind of key.

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

/// The DER of the algorithm identifier `ecdsa-with-SHA384`.
pub const ECDSA_SHA384: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

/// A digest name that ends in this character makes an RSA signature whose algorithm identifier has no parameters.
pub const NO_PARAMETERS: char = '*';

/// A private key that signs certificates.
#[derive(Clone)]
pub struct Key {
    /// A file with the private key in PEM. The file is deleted when the last copy of the `Rc` is dropped.
    secret: Rc<NamedTempFile>,
    /// The DER of the key's `SubjectPublicKeyInfo`.
    pub public: Vec<u8>,
    is_rsa: bool,
}

impl Key {
    /// Makes a new key. `kind` has the arguments of `openssl genpkey`.
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

    /// Returns the DER of the algorithm of this key's signatures with the given digest (RFC 5758, RFC 4055).
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
            _ => panic!("the test has no algorithm for the digest {digest}"),
        }
    }
}

/// The content of a certificate that is not yet signed.
#[derive(Clone)]
pub struct Certificate<'a> {
    pub issuer: Vec<u8>,
    pub subject: Vec<u8>,
    /// The DER of the certified `SubjectPublicKeyInfo`.
    pub key: &'a [u8],
    pub extensions: Vec<Vec<u8>>,
}

impl Certificate<'_> {
    /// Signs the certificate, and returns its DER.
    pub fn sign(&self, signer: &Key, digest: &str) -> Vec<u8> {
        self.sign_as(signer, digest, &signer.algorithm(digest))
    }

    /// Signs the certificate, and returns its DER. `outside` is the DER of the signature algorithm outside the signed
    /// data.
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

/// Returns the basic constraints of a CA with the path length `path`.
pub fn ca(path: u32) -> Vec<u8> {
    basic(&[&[0x01, 0x01, 0xff], &integer(path)])
}

/// Returns the basic constraints of a CA without a path length.
pub fn ca_of_any_length() -> Vec<u8> {
    basic(&[&[0x01, 0x01, 0xff]])
}

/// Returns the basic constraints of an end entity.
pub fn not_ca() -> Vec<u8> {
    basic(&[])
}

fn basic(fields: &[&[u8]]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x13], true, &der(0x30, fields))
}

/// Returns a key usage extension. `bits` is the byte of the bit string, and `unused` is the number of unused bits.
pub fn key_usage(unused: u8, bits: u8) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x0f], true, &der(0x03, &[&[unused, bits]]))
}

/// Returns an extension whose id is 1.3.6.1.4.1.41482 (Yubico's arc) followed by `numbers`.
pub fn yubico(numbers: &[u8], value: &[u8]) -> Vec<u8> {
    extension(&[YUBICO, numbers].concat(), false, value)
}

/// Returns a critical extension whose id is 1.3.6.1.4.1.41482 (Yubico's arc) followed by `numbers`.
pub fn yubico_critical(numbers: &[u8], value: &[u8]) -> Vec<u8> {
    extension(&[YUBICO, numbers].concat(), true, value)
}

pub fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    der(0x30, &[&oid(id), critical, &der(0x04, &[value])])
}

/// Returns a distinguished name that has only a common name, as a `UTF8String`.
pub fn name(common: &str) -> Vec<u8> {
    name_as(0x0c, common)
}

/// Returns a distinguished name that has only a common name. `tag` is the DER tag of its string type.
pub fn name_as(tag: u8, common: &str) -> Vec<u8> {
    let attribute = der(0x30, &[&oid(&[0x55, 0x04, 0x03]), &der(tag, &[common.as_bytes()])]);
    der(0x30, &[&der(0x31, &[&attribute])])
}

/// Returns a distinguished name that has an organization and a common name.
pub fn name_of_two(common: &str) -> Vec<u8> {
    let attribute = |last, text: &str| {
        der(0x31, &[&der(0x30, &[&oid(&[0x55, 0x04, last]), &der(0x0c, &[text.as_bytes()])])])
    };
    der(0x30, &[&attribute(10, "Yubico"), &attribute(3, common)])
}

/// Encodes a non-negative number as a DER INTEGER.
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
    // DER allows only the shortest form of a length.
    let length = match body.len() {
        short @ 0..0x80 => vec![u8::try_from(short).unwrap()],
        middle @ 0x80..0x100 => vec![0x81, u8::try_from(middle).unwrap()],
        long => [&[0x82], &u16::try_from(long).unwrap().to_be_bytes()[..]].concat(),
    };
    [&[tag], &length[..], &body].concat()
}

/// Runs openssl, and returns its standard output.
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
    assert!(done.status.success(), "openssl {arguments:?} should succeed");
    done.stdout
}
