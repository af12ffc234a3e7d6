//! Public keys in forms that a reader must refuse.

use age_core::primitives::{bech32_decode, bech32_encode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde_json::Value;

/// The prime p of the field of P-256, in big-endian hex (FIPS 186-5).
const P: &str = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

/// The number of bytes before the point in a `SubjectPublicKeyInfo` of P-256 (RFC 5480).
const BEFORE_THE_POINT: usize = 26;

/// Converts a compressed point to an uncompressed point.
pub fn uncompressed(compressed: &[u8]) -> Vec<u8> {
    p256::PublicKey::from_sec1_bytes(compressed).unwrap().to_sec1_point(false).as_bytes().to_vec()
}

/// Returns an uncompressed point whose x coordinate is not reduced: the prime `p` plus the smallest x coordinate of a
/// point on the curve. To get the compressed form, take the first 33 bytes and replace the first byte.
pub fn not_reduced() -> [u8; 65] {
    let mut x = [0; 32];
    let on_curve = |x: &[u8; 32]| p256::PublicKey::from_sec1_bytes(&[&[2], &x[..]].concat()).is_ok();
    while !on_curve(&x) {
        x[31] += 1;
    }
    let mut point = [0; 65];
    point.copy_from_slice(&uncompressed(&[&[2], &x[..]].concat()));
    let (mut carry, p) = (0, hex::decode(P).unwrap());
    for place in (0..32).rev() {
        let sum = u16::from(point[1 + place]) + u16::from(p[place]) + carry;
        (point[1 + place], carry) = (u8::try_from(sum & 0xff).unwrap(), sum >> 8);
    }
    assert_eq!(carry, 0);
    point
}

/// Changes one letter of a Bech32 text to a capital letter.
pub fn one_capital(text: &Value) -> Value {
    let text = text.as_str().unwrap();
    let at = text.rfind(|c: char| c.is_ascii_lowercase()).unwrap();
    let (before, after) = text.split_at(at);
    format!("{before}{}{}", after[..1].to_uppercase(), &after[1..]).into()
}

/// Converts a Bech32 text to Bech32m, which has another checksum constant (BIP-350).
pub fn as_bech32m(text: &Value) -> Value {
    let text = text.as_str().unwrap();
    let (prefix, _) = text.rsplit_once('1').unwrap();
    let bytes: Vec<u8> = bech32_decode(text, |_| (), |_| Ok(()), |_, bytes| Ok(bytes.collect())).unwrap();
    let hrp = bech32::Hrp::parse_unchecked(prefix);
    assert_eq!(bech32_encode(hrp, &bytes), text);
    super::forge::with_checksum(text, 0x2bc8_30a3, 0).into()
}

/// Sets an unused bit of the last character of padded Base64 text.
pub fn base64_trailing_bit(text: &Value) -> Value {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = text.as_str().unwrap();
    let bare = text.trim_end_matches('=');
    assert!(!bare.len().is_multiple_of(4), "the last Base64 character should have unused bits");
    let (rest, last) = bare.split_at(bare.len() - 1);
    let value = ALPHABET.iter().position(|c| *c == last.as_bytes()[0]).unwrap();
    format!("{rest}{}{}", char::from(ALPHABET[value + 1]), &text[bare.len()..]).into()
}

/// Splits the `SubjectPublicKeyInfo` of a P-256 key at the start of the point.
fn spki(key: &Value) -> (Vec<u8>, Vec<u8>) {
    let mut der = BASE64_STANDARD.decode(key.as_str().unwrap()).unwrap();
    let point = der.split_off(BEFORE_THE_POINT);
    (der, point)
}

fn encoded(der: &[u8], point: &[u8]) -> Value {
    BASE64_STANDARD.encode([der, point].concat()).into()
}

/// Returns the key with a compressed point.
pub fn compressed_spki(key: &Value) -> Value {
    let (mut der, point) = spki(key);
    // These bytes are the lengths of the outer SEQUENCE and of the BIT STRING.
    der[1] -= 32;
    der[24] -= 32;
    encoded(&der, &[&[2 + (point[64] & 1)], &point[1..33]].concat())
}

/// Returns the key with a point in the hybrid form of X9.62.
pub fn hybrid_spki(key: &Value) -> Value {
    let (der, mut point) = spki(key);
    point[0] = 6 + (point[64] & 1);
    encoded(&der, &point)
}

/// Returns the key with a wrong y coordinate. The resulting point is not on the curve.
pub fn off_curve_spki(key: &Value) -> Value {
    let (der, mut point) = spki(key);
    point[64] ^= 1;
    encoded(&der, &point)
}

/// Returns the key followed by one more byte.
pub fn spki_and_more(key: &Value) -> Value {
    let (der, point) = spki(key);
    encoded(&der, &[&point[..], &[0]].concat())
}

/// Returns the key with the curve's parameters instead of the curve's name (RFC 3279 section 2.3.5). openssl encodes
/// this form.
pub fn explicit_spki(key: &Value) -> Value {
    let der = BASE64_STANDARD.decode(key.as_str().unwrap()).unwrap();
    let arguments =
        ["ec", "-pubin", "-inform", "DER", "-param_enc", "explicit", "-pubout", "-outform", "DER"];
    BASE64_STANDARD.encode(super::x509::openssl(&arguments, &der)).into()
}

/// Returns the key with an x coordinate of p or more.
pub fn not_reduced_spki(key: &Value) -> Value {
    encoded(&spki(key).0, &not_reduced())
}
