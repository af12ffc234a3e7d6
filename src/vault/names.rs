//! Validates public names, numbers and keys. Each value has only one accepted form.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};

use super::duration::Span;
use super::hybrid::Recipient;
use super::x25519;

/// The maximum number of actions in `may_outlive`.
pub const MAX_OUTLIVING: usize = 64;

/// The reason why a value is not valid. The error's text can quote the value, but never a value that could be a
/// misplaced secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NameError {
    /// The name is empty, is longer than 32 characters, has a character other than a letter, digit, dot, dash or
    /// underscore, or does not start with a letter or digit.
    Name {
        /// The kind of name, such as `target name`.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The label is not 1 to 64 printable ASCII characters.
    Label(String),
    /// The field is not this many bytes in lower-case hex.
    Hex {
        /// The field.
        what: &'static str,
        /// The expected number of bytes.
        bytes: usize,
    },
    /// The time is not RFC 3339 in UTC with whole seconds.
    Time(String),
    /// The value is not a retired PIV slot.
    Slot(String),
    /// The value is not an age mlkem768x25519 recipient.
    PartRecipient(String),
    /// The value is not an age p256tag recipient.
    TokenRecipient(String),
    /// The value is not an age X25519 recipient.
    X25519Recipient(String),
    /// The signing key is not a P-256 public key.
    SigningKey,
    /// A field of the target with this name is not valid.
    Target(String, TargetError),
    /// The window is longer than 12 hours.
    Window(Span),
    /// A value that must be unique appears twice.
    Repeated {
        /// The kind of value, such as `access key`.
        what: &'static str,
        /// The value.
        value: String,
    },
}

/// The reason why a target's field is not valid. In each variant with a string, the string is the value that is not
/// valid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TargetError {
    /// The value is not an AWS partition.
    Partition(String),
    /// The account ID is not twelve digits.
    Account(String),
    /// The value is not an IAM user name, or it contains a path.
    User(String),
    /// The target has no region, or more than 32.
    RegionCount,
    /// The value is not an AWS region.
    Region(String),
    /// The field `may_outlive` has more than 64 actions.
    MayOutliveCount,
    /// The value is not an action, or the actions are not sorted.
    MayOutlive(String),
}

impl Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { what, value } => {
                let value = recognisable(value);
                write!(f, "{what} {value} is not 1 to 32 letters, digits, dots, dashes or underscores")
            }
            Self::Label(value) => {
                write!(f, "the label {} is not 1 to 64 printable ASCII characters", recognisable(value))
            }
            Self::Hex { what, bytes } => write!(f, "{what} is not {bytes} bytes in lower-case hex"),
            Self::Time(value) => write!(f, "{} is not a UTC time with whole seconds", quoted(value)),
            Self::Slot(value) => write!(f, "{} is not a retired PIV slot (82 to 95)", quoted(value)),
            Self::PartRecipient(value) => {
                write!(f, "{} is not an age mlkem768x25519 recipient", quoted(value))
            }
            Self::TokenRecipient(value) => write!(f, "{} is not an age p256tag recipient", quoted(value)),
            Self::X25519Recipient(value) => write!(f, "{} is not an age X25519 recipient", quoted(value)),
            Self::SigningKey => f.write_str("a signing key is not a P-256 public key"),
            Self::Target(name, why) => write!(f, "{name}: {why}"),
            Self::Window(longest) => write!(f, "a window of {longest} is longer than 12h"),
            Self::Repeated { what, value } if value.len() > 100 => {
                let start: String = value.chars().take(30).collect();
                write!(f, "{what} {start}… appears twice")
            }
            Self::Repeated { what, value } => write!(f, "{what} {value} appears twice"),
        }
    }
}

impl Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, what) = match self {
            Self::Partition(value) => (value, "an AWS partition (aws, aws-cn, aws-us-gov)"),
            Self::Account(value) => (value, "an AWS account ID (12 digits)"),
            Self::User(value) => (value, "an IAM user name without a path"),
            Self::Region(value) => (value, "an AWS region"),
            Self::MayOutlive(value) => {
                (value, "an action of may_outlive (service:Action, sorted, without duplicates)")
            }
            Self::MayOutliveCount => return f.write_str("may_outlive has more than 64 actions"),
            Self::RegionCount => return f.write_str("1 to 32 regions are needed"),
        };
        write!(f, "{} is not {what}", recognisable(value))
    }
}

impl std::error::Error for NameError {}

/// Returns a value in quotes, with escape sequences. The result is cut to 100 characters, because a value can be as
/// long as the file.
fn quoted(value: &str) -> String {
    format!("{value:?}").chars().take(100).collect()
}

/// Returns a short value in quotes. For a long value, which could be a misplaced secret, the function returns only
/// its length.
fn recognisable(value: &str) -> String {
    if value.len() <= 24 {
        format!("{value:?}")
    } else {
        format!("(a value of {} characters)", value.chars().count())
    }
}

/// The result of a check.
type Check = Result<(), NameError>;

fn ensure(holds: bool, otherwise: impl FnOnce() -> NameError) -> Check {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Checks the name of a custodian, target or channel. A name has 1 to 32 of the characters `a-z A-Z 0-9 . _ -`, and
/// starts with a letter or digit.
///
/// # Errors
/// See [`NameError`]. Every check in this file returns this error.
pub fn name(what: &'static str, name: &str) -> Check {
    let tail = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = (1..=32).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(tail);
    ensure(fits, || NameError::Name { what, value: name.to_owned() })
}

/// Checks a vault's label: 1 to 64 printable ASCII characters.
pub fn label(label: &str) -> Check {
    let fits = (1..=64).contains(&label.len()) && label.bytes().all(|b| (0x20..0x7f).contains(&b));
    ensure(fits, || NameError::Label(label.to_owned()))
}

/// Checks that `text` is `bytes` bytes in lower-case hex.
pub fn hex_of(what: &'static str, text: &str, bytes: usize) -> Check {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let fits = text.len() == 2 * bytes && text.bytes().all(digit);
    ensure(fits, || NameError::Hex { what, bytes })
}

/// Checks a time: RFC 3339 in UTC with whole seconds, such as `2026-11-22T02:17:00Z`. The year is 1 to 9998, because
/// every date library supports these years completely. A leap second is refused, because jiff reads the second 60 as
/// the second 59.
pub fn instant(text: &str) -> Check {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    // A year before 0 has a longer form, so only a time of 20 characters is accepted.
    let canonical =
        text.len() == 20 && parsed.is_ok_and(|t| t.subsec_nanosecond() == 0 && t.to_string() == text);
    let in_range = !text.starts_with("0000") && !text.starts_with("9999");
    ensure(canonical && in_range, || NameError::Time(text.to_owned()))
}

/// Checks a retired PIV slot: 82 to 95 in lower-case hex.
pub fn slot(text: &str) -> Check {
    let fits = (0x82..=0x95_u8).any(|slot| format!("{slot:02x}") == text);
    ensure(fits, || NameError::Slot(text.to_owned()))
}

/// Checks an age mlkem768x25519 recipient. The recipient must be in canonical form, and its key must be safe to
/// encrypt to.
pub fn part_recipient(text: &str) -> Check {
    ensure(Recipient::parse(text).is_some(), || NameError::PartRecipient(text.to_owned()))
}

/// Checks an age p256tag recipient, which must be in canonical form.
pub fn tag_recipient(text: &str) -> Check {
    let parsed: Result<age::tag::Recipient, _> = text.parse();
    ensure(parsed.is_ok_and(|r| r.to_string() == text), || NameError::TokenRecipient(text.to_owned()))
}

/// Checks an age X25519 recipient. The recipient must be in canonical form, and its key must be safe to encrypt to.
pub fn x25519_recipient(text: &str) -> Check {
    ensure(x25519::parse_recipient(text).is_some(), || NameError::X25519Recipient(text.to_owned()))
}

/// Checks a P-256 public key: base64 of its DER `SubjectPublicKeyInfo` (RFC 5480).
pub fn signing_key(text: &str) -> Check {
    let canonical = BASE64_STANDARD.decode(text).ok().and_then(|der| {
        let key = p256::PublicKey::from_public_key_der(&der).ok()?;
        Some(key.to_public_key_der().ok()?.as_bytes() == der)
    });
    ensure(canonical == Some(true), || NameError::SigningKey)
}

/// Checks the fields that identify a target's user.
pub fn user(target: &str, partition: &str, account: &str, user: &str) -> Check {
    name("target name", target)?;
    let wrong = |why| NameError::Target(target.to_owned(), why);
    ensure(["aws", "aws-cn", "aws-us-gov"].contains(&partition), || {
        wrong(TargetError::Partition(partition.to_owned()))
    })?;
    ensure(account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()), || {
        wrong(TargetError::Account(account.to_owned()))
    })?;
    let in_user = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
    ensure((1..=64).contains(&user.len()) && user.bytes().all(in_user), || {
        wrong(TargetError::User(user.to_owned()))
    })
}

/// Checks the fields that identify a target's user and regions.
pub fn target(target: &str, partition: &str, account: &str, user: &str, regions: &[String]) -> Check {
    self::user(target, partition, account, user)?;
    let wrong = |why| NameError::Target(target.to_owned(), why);
    ensure((1..=32).contains(&regions.len()), || wrong(TargetError::RegionCount))?;
    let in_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    regions.iter().try_for_each(|region| {
        ensure((1..=32).contains(&region.len()) && region.bytes().all(in_region), || {
            wrong(TargetError::Region(region.clone()))
        })
    })?;
    all_different("region", regions.iter())
}

/// Checks the actions whose effect can outlive a target's window. The list has at most 64 actions, in ascending order
/// of their bytes. Each action is `service:Action`.
pub fn may_outlive(target: &str, actions: &[String]) -> Check {
    let wrong = |why| NameError::Target(target.to_owned(), why);
    ensure(actions.len() <= MAX_OUTLIVING, || wrong(TargetError::MayOutliveCount))?;
    let service = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let action = |b: u8| b.is_ascii_alphanumeric() || b"*?".contains(&b);
    let fits = |text: &str| {
        text.len() <= 128
            && text.split_once(':').is_some_and(|(prefix, name)| {
                !prefix.is_empty()
                    && prefix.bytes().all(service)
                    && !name.is_empty()
                    && name.bytes().all(action)
            })
    };
    let mut previous = None;
    actions.iter().try_for_each(|text| {
        let in_order = previous.replace(text).is_none_or(|before| before < text);
        ensure(fits(text) && in_order, || wrong(TargetError::MayOutlive(text.clone())))
    })
}

/// Returns whether a character is invisible or controls a terminal. Such characters are control characters, direction
/// marks (UAX 9), zero-width characters, variation selectors and tags.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{feff}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// Replaces every character that is invisible or controls a terminal with the character `instead`.
pub fn harmless(text: &str, instead: char) -> String {
    text.chars().map(|c| if is_unseen(c) { instead } else { c }).collect()
}

/// Checks a target's maximum window: at most 12 hours.
pub fn window(longest: Span) -> Check {
    ensure(longest.seconds() <= 12 * 3600, || NameError::Window(longest))
}

/// Checks that no value appears twice. The caller must check the form of the values first, because the error shows the
/// repeated value without escape sequences.
pub fn all_different<T: Display>(what: &'static str, values: impl Iterator<Item = T>) -> Check {
    let mut seen = BTreeSet::new();
    for value in values {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err(NameError::Repeated { what, value });
        }
        seen.insert(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_and_a_time_have_only_one_accepted_form() {
        assert!(slot("8a").is_ok());
        for wrong in ["8A", "81", "96", "+82", "082", "82 ", ""] {
            assert!(slot(wrong).is_err(), "{wrong}");
        }
        for right in ["2026-11-22T02:17:00Z", "0001-01-01T00:00:00Z", "9998-12-31T23:59:59Z"] {
            assert!(instant(right).is_ok(), "{right}");
        }
        for wrong in [
            "2026-11-22T02:17:00.0Z",
            "2026-11-22t02:17:00Z",
            "2026-11-22T02:17:60Z",
            "-000001-11-22T02:17:00Z",
            "0000-12-31T23:59:59Z",
            "9999-01-01T00:00:00Z",
        ] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
    }
}
