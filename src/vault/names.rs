//! The one accepted form of every public name, number and key; the errors are sentences' ends.

use std::collections::BTreeSet;
use std::fmt::Display;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};

use super::duration::Span;

type Check = Result<(), String>;

/// How many characters of an error's text are shown: a wrong value may be as long as its file.
const SHOWN: usize = 200;

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(otherwise().chars().take(SHOWN).collect()) }
}

/// A short value, to be recognised by; a long one may be a secret in the wrong place.
fn shown(text: &str) -> String {
    if text.len() <= 24 {
        format!("{text:?}")
    } else {
        format!("(a value of {} characters)", text.chars().count())
    }
}

/// A custodian's or a target's name: 1 to 32 of `a-z A-Z 0-9 . _ -`, the first a letter or a digit.
///
/// # Errors
/// What is wrong, in words; so for every check here.
pub fn name(what: &str, name: &str) -> Check {
    let tail = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = (1..=32).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(tail);
    ensure(fits, || {
        format!("{what} {} is not 1 to 32 letters, digits, dots, dashes or underscores", shown(name))
    })
}

/// A vault's label: 1 to 64 printable ASCII characters.
pub fn label(label: &str) -> Check {
    let fits = (1..=64).contains(&label.len()) && label.bytes().all(|b| (0x20..0x7f).contains(&b));
    ensure(fits, || format!("the label {} is not 1 to 64 printable ASCII characters", shown(label)))
}

/// `bytes` bytes as lower-case hex.
pub fn hex_of(what: &str, text: &str, bytes: usize) -> Check {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    ensure(text.len() == 2 * bytes && text.bytes().all(digit), || {
        format!("{what} is not {bytes} bytes in lower-case hex")
    })
}

/// RFC 3339 in UTC with whole seconds: `2026-11-22T02:17:00Z`.
pub fn instant(text: &str) -> Check {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    // 20 characters: years before 0 and after 9999 have another form.
    let canonical =
        text.len() == 20 && parsed.is_ok_and(|t| t.subsec_nanosecond() == 0 && t.to_string() == text);
    ensure(canonical, || format!("{text:?} is no time in UTC with whole seconds"))
}

/// A retired PIV slot, 82 to 95 in lower-case hex.
pub fn slot(text: &str) -> Check {
    let fits = (0x82..=0x95_u8).any(|slot| format!("{slot:02x}") == text);
    ensure(fits, || format!("{text:?} is no retired PIV slot (82 to 95)"))
}

/// An age X25519 recipient in canonical form, and its point one that a secret can be wrapped to.
pub fn x25519_recipient(text: &str) -> Check {
    let parsed: Result<age::x25519::Recipient, _> = text.parse();
    let fits = parsed.is_ok_and(|r| r.to_string() == text)
        && bech32::decode(text).is_ok_and(|(_, point)| point.try_into().is_ok_and(|point| is_sound(&point)));
    ensure(fits, || format!("{text:?} is no age X25519 recipient"))
}

/// Whether a coordinate is reduced (RFC 7748 section 5) and its point not of small order (section 6.1): with
/// such a point every key agrees on zero, and the age crate panics rather than wrap to it.
fn is_sound(point: &[u8; 32]) -> bool {
    const ORDER_8: [&str; 2] = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    let mut limit = [0xff; 32];
    (limit[0], limit[31]) = (0xec, 0x7f);
    let below = point.iter().rev().lt(limit.iter().rev());
    let zero_or_one = point[0] <= 1 && point[1..] == [0; 31];
    below && !zero_or_one && !ORDER_8.contains(&hex::encode(point).as_str())
}

/// An age p256tag recipient in canonical form.
pub fn tag_recipient(text: &str) -> Check {
    let parsed: Result<age::tag::Recipient, _> = text.parse();
    ensure(parsed.is_ok_and(|r| r.to_string() == text), || format!("{text:?} is no age p256tag recipient"))
}

/// A P-256 public key: base64 of its DER `SubjectPublicKeyInfo` (RFC 5480).
pub fn signing_key(text: &str) -> Check {
    let canonical = BASE64_STANDARD.decode(text).ok().and_then(|der| {
        let key = p256::PublicKey::from_public_key_der(&der).ok()?;
        Some(key.to_public_key_der().ok()?.as_bytes() == der)
    });
    ensure(canonical == Some(true), || "a signing key is no P-256 public key".into())
}

/// The members that say who a target's user is.
pub fn user(own: &str, partition: &str, account: &str, user: &str) -> Check {
    name("target name", own)?;
    ensure(["aws", "aws-cn", "aws-us-gov"].contains(&partition), || {
        format!("{own}: {} is no AWS partition (aws, aws-cn, aws-us-gov)", shown(partition))
    })?;
    ensure(account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()), || {
        format!("{own}: {} is no AWS account id (12 digits)", shown(account))
    })?;
    let in_user = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
    ensure((1..=64).contains(&user.len()) && user.bytes().all(in_user), || {
        format!("{own}: {} is no IAM user name without a path", shown(user))
    })
}

/// The members that say where a target is.
pub fn target(own: &str, partition: &str, account: &str, user: &str, regions: &[String]) -> Check {
    self::user(own, partition, account, user)?;
    ensure((1..=32).contains(&regions.len()), || format!("{own}: 1 to 32 regions are needed"))?;
    let in_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    regions.iter().try_for_each(|region| {
        ensure((1..=32).contains(&region.len()) && region.bytes().all(in_region), || {
            format!("{own}: {} is no AWS region", shown(region))
        })
    })?;
    all_different("region", regions.iter())
}

/// Controls, marks of direction (UAX 9), what has no width, and variation and tag characters: what steers a screen, or
/// shows another text than there is.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{feff}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// The same text with `instead` for whatever is not seen, or steers a screen.
pub fn harmless(text: &str, instead: char) -> String {
    text.chars().map(|c| if is_unseen(c) { instead } else { c }).collect()
}

/// The longest window a target may ever have: 12 hours.
pub fn window(longest: Span) -> Check {
    ensure(longest.seconds() <= 12 * 3600, || format!("a window of {longest} is longer than 12h"))
}

/// No value twice. The values have been checked before: the error shows one as it is.
pub fn all_different<T: Display>(what: &str, values: impl Iterator<Item = T>) -> Check {
    let mut seen = BTreeSet::new();
    for value in values {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err(format!("the {what} {value} is there twice"));
        }
        seen.insert(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(point: &[u8; 32]) -> String {
        bech32::encode::<bech32::Bech32>(bech32::Hrp::parse_unchecked("age"), point).unwrap()
    }

    #[test]
    fn a_slot_and_a_time_have_one_form() {
        assert!(slot("8a").is_ok());
        for wrong in ["8A", "81", "96", "+82", "082", "82 ", ""] {
            assert!(slot(wrong).is_err(), "{wrong}");
        }
        assert!(instant("2026-11-22T02:17:00Z").is_ok());
        for wrong in [
            "2026-11-22T02:17:00.0Z",
            "2026-11-22t02:17:00Z",
            "2026-11-22T02:17:60Z",
            "-000001-11-22T02:17:00Z",
        ] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_wrapped_to_a_point_of_small_order() {
        let mut point = [0; 32];
        point[0] = 9;
        assert!(x25519_recipient(&recipient(&point)).is_ok());
        let mut wrong: Vec<[u8; 32]> = Vec::new();
        for small in [0, 1] {
            point[0] = small;
            wrong.push(point);
        }
        // p - 1, p, p + 1, and a coordinate whose last bit is ignored by the function.
        for low in [0xec, 0xed, 0xee] {
            let mut point = [0xff; 32];
            (point[0], point[31]) = (low, 0x7f);
            wrong.push(point);
        }
        point[0] = 9;
        point[31] = 0x80;
        wrong.push(point);
        for order_8 in [
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            wrong.push(hex::decode(order_8).unwrap().try_into().unwrap());
        }
        for point in wrong {
            assert!(x25519_recipient(&recipient(&point)).is_err(), "{}", hex::encode(point));
        }
    }
}
