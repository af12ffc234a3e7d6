//! The one accepted form of every public name, number and key; the errors are sentences' ends.

use std::collections::BTreeSet;
use std::fmt::Display;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};

use super::duration::Span;

type Check = Result<(), String>;

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(otherwise()) }
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
    ensure(fits, || format!("{what} {name:?} is not 1 to 32 letters, digits, dots, dashes or underscores"))
}

/// A vault's label: 1 to 64 printable ASCII characters.
pub fn label(label: &str) -> Check {
    let fits = (1..=64).contains(&label.len()) && label.bytes().all(|b| (0x20..0x7f).contains(&b));
    ensure(fits, || format!("the label {label:?} is not 1 to 64 printable ASCII characters"))
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
    let canonical = parsed.is_ok_and(|t| t.subsec_nanosecond() == 0 && t.to_string() == text);
    ensure(canonical, || format!("{text:?} is no time in UTC with whole seconds"))
}

/// A retired PIV slot, 82 to 95 in hex.
pub fn slot(text: &str) -> Check {
    let number = u8::from_str_radix(text, 16).unwrap_or_default();
    ensure((0x82..=0x95).contains(&number) && text.len() == 2, || {
        format!("{text:?} is no retired PIV slot (82 to 95)")
    })
}

/// An age X25519 recipient in canonical form.
pub fn x25519_recipient(text: &str) -> Check {
    let parsed: Result<age::x25519::Recipient, _> = text.parse();
    ensure(parsed.is_ok_and(|r| r.to_string() == text), || format!("{text:?} is no age X25519 recipient"))
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

/// The members that say where a target is.
pub fn target(own: &str, partition: &str, account: &str, user: &str, regions: &[String]) -> Check {
    name("target name", own)?;
    ensure(["aws", "aws-cn", "aws-us-gov"].contains(&partition), || {
        format!("{own}: {partition:?} is no AWS partition (aws, aws-cn, aws-us-gov)")
    })?;
    ensure(account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()), || {
        format!("{own}: {account:?} is no AWS account id (12 digits)")
    })?;
    let in_user = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
    ensure((1..=64).contains(&user.len()) && user.bytes().all(in_user), || {
        format!("{own}: {user:?} is no IAM user name without a path")
    })?;
    ensure((1..=32).contains(&regions.len()), || format!("{own}: 1 to 32 regions are needed"))?;
    all_different("region", regions.iter())?;
    let in_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    regions.iter().try_for_each(|region| {
        ensure((1..=32).contains(&region.len()) && region.bytes().all(in_region), || {
            format!("{own}: {region:?} is no AWS region")
        })
    })
}

/// The longest window a target may ever have: 12 hours.
pub fn window(longest: Span) -> Check {
    ensure(longest.seconds() <= 12 * 3600, || format!("a window of {longest} is longer than 12h"))
}

/// No value twice.
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
