//! Alert channels, which notify people before a vault is opened. Each field has only one accepted form.

mod json;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::error::{ChannelError, PayloadError};
use super::key::AccessKey;
use crate::secret::SecretText;
use crate::vault::duration::Span;
use crate::vault::manifest::MAX_CHANNELS;
use crate::vault::names;
pub(super) use json::ChannelForm;

/// The maximum timeout of a channel in seconds.
const LONGEST_TIMEOUT: u32 = 60;

/// An alert channel.
#[derive(Debug)]
pub struct Channel {
    /// The channel's name, which is public in the manifest.
    pub name: String,
    /// The maximum time to wait for the channel's acknowledgement. If it is `None`, the default timeout applies.
    pub timeout: Option<Span>,
    /// How the channel is reached.
    pub kind: ChannelKind,
}

/// How a channel is reached.
#[derive(Debug)]
pub enum ChannelKind {
    /// An Amazon SNS topic.
    Sns {
        topic_arn: String,
        /// An access key that is allowed only to publish to the topic.
        key: AccessKey,
    },
    /// A service of `PagerDuty`, reached with the Events API v2.
    PagerDuty {
        /// The integration's routing key.
        routing_key: SecretText,
        /// The URL of the service, if it is not the default URL.
        url: Option<SecretText>,
    },
    /// An incoming webhook of Slack. The URL of the webhook is a secret.
    Slack { url: SecretText },
    /// An HTTP receiver of Standard Webhooks.
    Webhook {
        url: SecretText,
        /// The signing secret: `whsec_` and base64 of 24 to 64 bytes.
        secret: SecretText,
    },
    /// One or more mail addresses.
    Smtp(Smtp),
}

/// The sender and the receivers of a mail, and the mail server that accepts the mail.
#[derive(Debug)]
pub struct Smtp {
    /// The server's host name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// The user name and the password, if the server needs them.
    pub login: Option<(String, SecretText)>,
    /// The sender.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// TLS protects the connection from the first byte.
    Implicit,
    /// The connection starts without TLS. STARTTLS must succeed before the mail is sent.
    StartTls,
    /// The connection has no TLS, which is allowed for loopback only.
    None,
}

/// Checks a list of channels.
///
/// # Errors
/// See [`PayloadError`].
pub fn check(channels: &[Channel]) -> Result<(), PayloadError> {
    if channels.len() > MAX_CHANNELS {
        return Err(PayloadError::ChannelCount);
    }
    let secrets: Vec<_> = channels.iter().flat_map(Channel::secrets).collect();
    let is_secret = |name: &String| {
        let is_in = |secret: &&SecretText| !secret.expose().is_empty() && name.contains(secret.expose());
        secrets.iter().any(is_in)
    };
    if let Some(place) = channels.iter().position(|channel| is_secret(&channel.name)) {
        return Err(PayloadError::SecretChannelName(place + 1));
    }
    channels.iter().try_for_each(Channel::check)?;
    Ok(names::all_different("alert channel", channels.iter().map(|channel| channel.name.as_str()))?)
}

impl Channel {
    /// Returns the channel's kind as written in JSON.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            ChannelKind::Sns { .. } => "sns",
            ChannelKind::PagerDuty { .. } => "pagerduty",
            ChannelKind::Slack { .. } => "slack",
            ChannelKind::Webhook { .. } => "webhook",
            ChannelKind::Smtp(_) => "smtp",
        }
    }

    /// Returns whether the receiver of the channel is this machine. A person who controls this machine can fake the
    /// receiver's acknowledgement.
    pub fn is_on_this_machine(&self) -> bool {
        let is_local =
            |url: &SecretText| host_and_port(url.expose()).is_some_and(|(host, _)| is_loopback(host));
        match &self.kind {
            ChannelKind::Sns { .. } => false,
            ChannelKind::PagerDuty { url, .. } => url.as_ref().is_some_and(is_local),
            ChannelKind::Slack { url } | ChannelKind::Webhook { url, .. } => is_local(url),
            ChannelKind::Smtp(smtp) => is_loopback(&smtp.host),
        }
    }

    fn check(&self) -> Result<(), PayloadError> {
        names::name("alert channel", &self.name)?;
        let wrong = |why| PayloadError::Channel(self.name.clone(), why);
        if self.timeout.is_some_and(|timeout| timeout.seconds() > LONGEST_TIMEOUT) {
            return Err(wrong(ChannelError::Timeout));
        }
        self.check_kind().map_err(wrong)
    }

    fn secrets(&self) -> Vec<&SecretText> {
        match &self.kind {
            ChannelKind::Sns { key, .. } => vec![&key.secret],
            ChannelKind::PagerDuty { routing_key, url } => std::iter::once(routing_key).chain(url).collect(),
            ChannelKind::Slack { url } => vec![url],
            ChannelKind::Webhook { url, secret } => vec![url, secret],
            ChannelKind::Smtp(smtp) => smtp.login.iter().map(|(_, password)| password).collect(),
        }
    }

    fn check_kind(&self) -> Result<(), ChannelError> {
        match &self.kind {
            ChannelKind::Sns { topic_arn, key } => {
                ensure(region_of(topic_arn).is_some(), ChannelError::Topic)?;
                Ok(key.check()?)
            }
            ChannelKind::PagerDuty { routing_key, url } => {
                let key = routing_key.expose();
                let fits = key.len() == 32 && key.bytes().all(|b| b.is_ascii_alphanumeric());
                ensure(fits, ChannelError::RoutingKey)?;
                url.as_ref().map_or(Ok(()), check_url)
            }
            ChannelKind::Slack { url } => check_url(url),
            ChannelKind::Webhook { url, secret } => {
                check_url(url)?;
                let bytes =
                    secret.expose().strip_prefix("whsec_").and_then(|s| BASE64_STANDARD.decode(s).ok());
                let fits = bytes.map(zeroize::Zeroizing::new).is_some_and(|b| (24..=64).contains(&b.len()));
                ensure(fits, ChannelError::WebhookSecret)
            }
            ChannelKind::Smtp(smtp) => smtp.check(),
        }
    }
}

impl Smtp {
    fn check(&self) -> Result<(), ChannelError> {
        let in_host = |b: u8| b.is_ascii_alphanumeric() || b".-:".contains(&b);
        let fits = (1..=253).contains(&self.host.len()) && self.host.bytes().all(in_host);
        ensure(fits, ChannelError::Host)?;
        ensure(self.port > 0, ChannelError::Port)?;
        ensure(self.tls != Tls::None || is_loopback(&self.host), ChannelError::PlainMail)?;
        ensure((1..=16).contains(&self.to.len()), ChannelError::Receivers)?;
        let printable = |b: u8| b.is_ascii_graphic() && !b"<>,;\"\\()".contains(&b);
        let is_address = |text: &String| {
            text.len() <= 254
                && text.bytes().all(printable)
                && text.split_once('@').is_some_and(|(user, host)| {
                    !user.is_empty() && !host.is_empty() && host.bytes().all(in_host)
                })
        };
        ensure([&self.from].into_iter().chain(&self.to).all(is_address), ChannelError::Address)?;
        let login = self.login.as_ref().map(|(name, password)| [name.as_str(), password.expose()]);
        let fits = |text: &str| (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        ensure(login.is_none_or(|both| both.into_iter().all(fits)), ChannelError::Login)
    }
}

/// Returns the region in the ARN of an SNS topic. FIFO topics are refused, because they need a message group, which a
/// notice does not have.
pub fn region_of(topic_arn: &str) -> Option<&str> {
    let parts: Vec<_> = topic_arn.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts[..] else { return None };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let fits = ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
        && (1..=32).contains(&region.len())
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && (1..=256).contains(&name.len())
        && name.bytes().all(is_name);
    fits.then_some(region)
}

/// Accepts a URL with `https`, or with `http` if its host is loopback.
fn check_url(url: &SecretText) -> Result<(), ChannelError> {
    let text = url.expose();
    let (scheme, _) = text.split_once("://").ok_or(ChannelError::Url)?;
    let (host, port) = host_and_port(text).ok_or(ChannelError::Url)?;
    let plain =
        text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    let is_port = |port: &str| port.len() <= 5 && port.parse::<u16>().is_ok_and(|port| port > 0);
    ensure(plain && is_url_host(host) && port.is_none_or(is_port), ChannelError::Url)?;
    ensure(scheme == "https" || scheme == "http", ChannelError::Scheme)?;
    ensure(scheme == "https" || is_loopback(host), ChannelError::PlainHttp)
}

/// Returns the host and the port of a URL. If the URL has a user name before the host, the returned host includes the
/// user name.
fn host_and_port(url: &str) -> Option<(&str, Option<&str>)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    Some(match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, Some(port))
        }
        _ => (authority, None),
    })
}

/// Returns whether `host` is a host name, an IPv4 address, or an IPv6 address in brackets. If `host` contains a user
/// name, the result is false.
fn is_url_host(host: &str) -> bool {
    let in_address = |b: u8| b.is_ascii_hexdigit() || b":.".contains(&b);
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(in_address),
        None => !host.is_empty() && !host.contains([':', '[', ']', '@']),
    }
}

fn is_loopback(host: &str) -> bool {
    ["127.0.0.1", "[::1]", "::1", "localhost"].contains(&host)
}

fn ensure(holds: bool, otherwise: ChannelError) -> Result<(), ChannelError> {
    if holds { Ok(()) } else { Err(otherwise) }
}
