//! The reasons why a payload is not valid. No error contains a secret.

use std::fmt;

use super::key::KeyError;
use super::size::MAX_BYTES;
use crate::vault::grant::GrantStatementError;
use crate::vault::manifest::{MAX_CHANNELS, MAX_SERVICES, MAX_TARGETS};
use crate::vault::names::NameError;

/// The reason why a payload is not valid. If the payload is from a vault, vault-format.md calls the failure `damaged`
/// at `open`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PayloadError {
    /// The payload is longer than [`MAX_BYTES`].
    TooLong,
    /// The payload is too long in its canonical form, or contains a number that has no canonical form.
    NoCanonicalForm,
    /// The text is not the JSON of a payload. The string names the place of the error. The string also names the field,
    /// unless the field's name could be a misplaced secret.
    Json(String),
    /// The payload's format version is this number, which the program does not support.
    Version(u8),
    /// The payload is not padded with spaces to whole blocks.
    Padding,
    /// The payload is not in canonical form.
    NotCanonical,
    /// The payload has no target, or more than [`MAX_TARGETS`].
    TargetCount,
    /// The payload has more than [`MAX_CHANNELS`] alert channels.
    ChannelCount,
    /// The payload has targets of both lanes, `gate` and `static`.
    MixedLanes,
    /// A name is not valid, or not unique.
    Name(NameError),
    /// The target with this name is not valid.
    Target(String, TargetFault),
    /// A public field of the target with this account ID contains a secret.
    ExposedSecret(String),
    /// The alert channel with this name is not valid.
    Channel(String, ChannelError),
    /// The name of the alert channel at this position, counted from 1, contains a secret.
    SecretChannelName(usize),
    /// The drill's grant is not empty, but the drill's user is allowed only the test call (probe).
    DrillGrant,
    /// The drill's user is also a user of the vault.
    DrillUser,
    /// An access key of the drill is also an access key of the vault.
    DrillKey(NameError),
}

/// The reason why a target is not valid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TargetFault {
    /// A name or the maximum window is not valid.
    Name(NameError),
    /// The access key of this principal is not valid.
    Key(&'static str, KeyError),
    /// The boundary is not a policy of the account. The string is the expected prefix of the ARN.
    Boundary(String),
    /// The role is not a role of the account. The string is the expected prefix of the ARN.
    Role(String),
    /// The MFA device is not a device of the account. The string is the expected prefix of the ARN.
    MfaDevice(String),
    /// The TOTP seed is not base32.
    TotpSeed,
    /// The statement of the grant at this position, counted from 1, is not an IAM policy statement.
    Statement(usize, GrantStatementError),
    /// The grant names too many services.
    ServiceCount,
    /// The grant is allowed to change IAM users, roles or policies, but the target has no MFA device.
    RepairsWithoutMfa,
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {MAX_BYTES} bytes"),
            Self::NoCanonicalForm => {
                write!(f, "it is longer than {MAX_BYTES} bytes, or has a number that JSON cannot represent")
            }
            Self::Json(why) => f.write_str(why),
            Self::Version(version) => write!(f, "its version is {version}; this program reads version 1"),
            Self::Padding => f.write_str("its padding is not valid"),
            Self::NotCanonical => f.write_str("it is not in canonical form"),
            Self::TargetCount => write!(f, "there must be 1 to {MAX_TARGETS} targets"),
            Self::ChannelCount => write!(f, "there are more than {MAX_CHANNELS} alert channels"),
            Self::MixedLanes => f.write_str("its targets are of two lanes; seal each lane in its own vault"),
            Self::Name(why) => why.fmt(f),
            Self::Target(name, why) => write!(f, "{name}: {why}"),
            Self::ExposedSecret(account) => write!(f, "{account}: a secret is in a field that is public"),
            Self::Channel(name, why) => write!(f, "alert channel {name}: {why}"),
            Self::SecretChannelName(place) => {
                write!(f, "alert channel {place}: a secret is in its name, which is public")
            }
            Self::DrillGrant => {
                f.write_str("drill: its grant is not empty; the user of a drill is allowed only the probe")
            }
            Self::DrillUser => {
                f.write_str("drill: its user is also in the vault; a drill needs its own user")
            }
            Self::DrillKey(why) => write!(f, "drill: {why}"),
        }
    }
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(why) => why.fmt(f),
            Self::Key(role, why) => write!(f, "{role}: {why}"),
            Self::Boundary(prefix) => write!(f, "the boundary is not a policy of this account ({prefix}…)"),
            Self::Role(prefix) => write!(f, "the role is not a role of this account ({prefix}…)"),
            Self::MfaDevice(prefix) => {
                write!(f, "the MFA device is not a device of this account ({prefix}…)")
            }
            Self::Statement(number, why) => write!(f, "grant, statement {number}: {why}"),
            Self::ServiceCount => write!(f, "its grant names more than {MAX_SERVICES} services"),
            Self::RepairsWithoutMfa => f.write_str(
                "its grant can change IAM identities, but it has no MFA device; AWS refuses IAM calls from sessions without MFA",
            ),
            Self::TotpSeed => f.write_str("its TOTP seed is not base32 of 16 to 128 characters (A–Z, 2–7)"),
        }
    }
}

/// The reason why an alert channel is not valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChannelError {
    /// The timeout is longer than 60 seconds.
    Timeout,
    /// The value is not the ARN of an SNS topic.
    Topic,
    /// The access key for the topic is not valid.
    Key(KeyError),
    /// The value is not a routing key of `PagerDuty`.
    RoutingKey,
    /// The value is not a signing secret in the format of Standard Webhooks.
    WebhookSecret,
    /// The value is not a URL.
    Url,
    /// The URL's scheme is neither `https` nor `http`.
    Scheme,
    /// The URL's scheme is `http`, but its host is another machine.
    PlainHttp,
    /// The host is not a host name or an address.
    Host,
    /// The port is 0.
    Port,
    /// The mail server is another machine, and the connection has no TLS.
    PlainMail,
    /// The mail has no receiver, or more than 16.
    Receivers,
    /// The value is not a mail address.
    Address,
    /// The user name or the password is not valid.
    Login,
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "its timeout is longer than 60s",
            Self::Topic => "its topic is not the ARN of an SNS topic",
            Self::Key(why) => return why.fmt(f),
            Self::RoutingKey => "its routing key is not 32 letters and digits",
            Self::WebhookSecret => "its secret is not whsec_ and base64 of 24 to 64 bytes",
            Self::Url => "its URL is not valid",
            Self::Scheme => "its URL is neither https nor http",
            Self::PlainHttp => "its URL is http, which is allowed for loopback only",
            Self::Host => "its host is not a host name",
            Self::Port => "its port is not 1 to 65535",
            Self::PlainMail => "mail without TLS is allowed for loopback only",
            Self::Receivers => "it must have 1 to 16 receivers",
            Self::Address => "one of its addresses is not a mail address",
            Self::Login => "its user name or password must be 1 to 255 characters without control characters",
        })
    }
}

impl From<KeyError> for ChannelError {
    fn from(why: KeyError) -> Self {
        Self::Key(why)
    }
}

/// The error for a field that is missing, or that belongs to another kind of object. The error's text has the wording
/// of `serde_json`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldError {
    /// A required field is missing.
    Missing(&'static str),
    /// The object has a field that objects of its kind do not have.
    Unknown(&'static str),
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "missing field `{name}`"),
            Self::Unknown(name) => write!(f, "unknown field `{name}`"),
        }
    }
}

impl std::error::Error for PayloadError {}

impl From<NameError> for PayloadError {
    fn from(why: NameError) -> Self {
        Self::Name(why)
    }
}
