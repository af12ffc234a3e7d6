//! The channels by which people are told before anything opens: their one accepted form, and its checks.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::AccessKey;
use crate::secret::SecretText;
use crate::vault::duration::Span;
use crate::vault::manifest::MAX_CHANNELS;
use crate::vault::names;

/// The longest time a channel is waited for, in seconds.
const LONGEST_TIMEOUT: u32 = 60;

/// One way to tell people.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Members")]
pub struct Channel {
    /// What people call it; the manifest shows it.
    pub name: String,
    /// How long it is waited for.
    pub timeout: Option<Span>,
    /// How it is reached.
    pub kind: Kind,
}

/// How a channel is reached.
#[derive(Debug)]
pub enum Kind {
    /// An Amazon SNS topic, by a key that may only publish to it.
    Sns {
        /// The topic.
        topic_arn: String,
        /// The key.
        key: AccessKey,
    },
    /// `PagerDuty`, Events API v2.
    PagerDuty {
        /// The integration's routing key.
        routing_key: SecretText,
        /// Where, if not at the usual place.
        url: Option<SecretText>,
    },
    /// An incoming webhook as Slack has them: whoever knows the URL may post.
    Slack {
        /// Where.
        url: SecretText,
    },
    /// Any receiver of HTTP; signed as Standard Webhooks has it.
    Webhook {
        /// Where.
        url: SecretText,
        /// `whsec_` and base64 of 24 to 64 bytes.
        secret: SecretText,
    },
    /// Mail.
    Smtp(Smtp),
}

/// Mail, and the server that takes it.
#[derive(Debug)]
pub struct Smtp {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Name and password, if the server wants them.
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
    /// From its first byte.
    Implicit,
    /// By STARTTLS, which has to succeed.
    StartTls,
    /// Not at all: only on this machine.
    None,
}

/// A channel's kind, as it is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    Sns,
    PagerDuty,
    Slack,
    Webhook,
    Smtp,
}

/// Every member that a channel of any kind may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    name: String,
    kind: KindName,
    timeout: Option<Span>,
    topic_arn: Option<String>,
    key: Option<AccessKey>,
    routing_key: Option<SecretText>,
    url: Option<SecretText>,
    secret: Option<SecretText>,
    host: Option<String>,
    port: Option<u16>,
    tls: Option<Tls>,
    username: Option<String>,
    password: Option<SecretText>,
    from: Option<String>,
    to: Option<Vec<String>>,
}

impl Members {
    /// Refuses members that belong to another kind.
    fn only(&self, allowed: &[&str]) -> Result<(), String> {
        let given = [
            ("topic_arn", self.topic_arn.is_some()),
            ("key", self.key.is_some()),
            ("routing_key", self.routing_key.is_some()),
            ("url", self.url.is_some()),
            ("secret", self.secret.is_some()),
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("tls", self.tls.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        match given.iter().find(|(name, there)| *there && !allowed.contains(name)) {
            Some((name, _)) => Err(format!("unknown field `{name}`")),
            None => Ok(()),
        }
    }
}

fn wanted<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{name}`"))
}

impl TryFrom<Members> for Channel {
    type Error = String;

    fn try_from(m: Members) -> Result<Self, String> {
        let allowed: &[&str] = match m.kind {
            KindName::Sns => &["topic_arn", "key"],
            KindName::PagerDuty => &["routing_key", "url"],
            KindName::Slack => &["url"],
            KindName::Webhook => &["url", "secret"],
            KindName::Smtp => &["host", "port", "tls", "username", "password", "from", "to"],
        };
        m.only(allowed)?;
        let kind = match m.kind {
            KindName::Sns => {
                Kind::Sns { topic_arn: wanted("topic_arn", m.topic_arn)?, key: wanted("key", m.key)? }
            }
            KindName::PagerDuty => {
                Kind::PagerDuty { routing_key: wanted("routing_key", m.routing_key)?, url: m.url }
            }
            KindName::Slack => Kind::Slack { url: wanted("url", m.url)? },
            KindName::Webhook => {
                Kind::Webhook { url: wanted("url", m.url)?, secret: wanted("secret", m.secret)? }
            }
            KindName::Smtp => Kind::Smtp(Smtp {
                host: wanted("host", m.host)?,
                port: wanted("port", m.port)?,
                tls: wanted("tls", m.tls)?,
                login: match (m.username, m.password) {
                    (Some(name), password) => Some((name, wanted("password", password)?)),
                    (None, None) => None,
                    (None, Some(_)) => return Err("missing field `username`".into()),
                },
                from: wanted("from", m.from)?,
                to: wanted("to", m.to)?,
            }),
        };
        Ok(Self { name: m.name, timeout: m.timeout, kind })
    }
}

/// Checks a list of channels.
///
/// # Errors
/// What is wrong, in words, without any secret.
pub fn check(channels: &[Channel]) -> Result<(), String> {
    if channels.len() > MAX_CHANNELS {
        return Err(format!("there are more than {MAX_CHANNELS} alert channels"));
    }
    let secrets: Vec<_> = channels.iter().flat_map(Channel::secrets).collect();
    let is_secret = |name: &String| {
        let stands_in = |secret: &&SecretText| !secret.expose().is_empty() && name.contains(secret.expose());
        secrets.iter().any(stands_in)
    };
    if let Some(place) = channels.iter().position(|channel| is_secret(&channel.name)) {
        return Err(format!("alert channel {}: a secret stands where everybody can read it", place + 1));
    }
    channels.iter().try_for_each(Channel::check)?;
    names::all_different("alert channel", channels.iter().map(|channel| channel.name.as_str()))
}

impl Channel {
    /// Its kind, as it is written.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Sns { .. } => "sns",
            Kind::PagerDuty { .. } => "pagerduty",
            Kind::Slack { .. } => "slack",
            Kind::Webhook { .. } => "webhook",
            Kind::Smtp(_) => "smtp",
        }
    }

    /// Its receiver is the machine that opens: whoever holds that can acknowledge for it.
    pub fn is_on_this_machine(&self) -> bool {
        let is_local = |url: &SecretText| host_of(url.expose()).is_some_and(is_loopback);
        match &self.kind {
            Kind::Sns { .. } => false,
            Kind::PagerDuty { url, .. } => url.as_ref().is_some_and(is_local),
            Kind::Slack { url } | Kind::Webhook { url, .. } => is_local(url),
            Kind::Smtp(smtp) => is_loopback(&smtp.host),
        }
    }

    fn check(&self) -> Result<(), String> {
        names::name("alert channel", &self.name)?;
        let own = |why: &str| Err(format!("alert channel {}: {why}", self.name));
        if self.timeout.is_some_and(|timeout| timeout.seconds() > LONGEST_TIMEOUT) {
            return own("its timeout is longer than 60s");
        }
        self.check_kind().or_else(|why| own(&why))
    }

    fn secrets(&self) -> Vec<&SecretText> {
        match &self.kind {
            Kind::Sns { key, .. } => vec![&key.secret],
            Kind::PagerDuty { routing_key, url } => std::iter::once(routing_key).chain(url).collect(),
            Kind::Slack { url } => vec![url],
            Kind::Webhook { url, secret } => vec![url, secret],
            Kind::Smtp(smtp) => smtp.login.iter().map(|(_, password)| password).collect(),
        }
    }

    fn check_kind(&self) -> Result<(), String> {
        match &self.kind {
            Kind::Sns { topic_arn, key } => {
                ensure(region_of(topic_arn).is_some(), "its topic is no ARN of an SNS topic")?;
                key.check()
            }
            Kind::PagerDuty { routing_key, url } => {
                let key = routing_key.expose();
                let fits = key.len() == 32 && key.bytes().all(|b| b.is_ascii_alphanumeric());
                ensure(fits, "its routing key is not 32 letters and digits")?;
                url.as_ref().map_or(Ok(()), check_url)
            }
            Kind::Slack { url } => check_url(url),
            Kind::Webhook { url, secret } => {
                check_url(url)?;
                let bytes =
                    secret.expose().strip_prefix("whsec_").and_then(|s| BASE64_STANDARD.decode(s).ok());
                let fits = bytes.map(zeroize::Zeroizing::new).is_some_and(|b| (24..=64).contains(&b.len()));
                ensure(fits, "its secret is not whsec_ and base64 of 24 to 64 bytes")
            }
            Kind::Smtp(smtp) => smtp.check(),
        }
    }
}

impl Smtp {
    fn check(&self) -> Result<(), String> {
        let in_host = |b: u8| b.is_ascii_alphanumeric() || b".-:".contains(&b);
        let fits = (1..=253).contains(&self.host.len()) && self.host.bytes().all(in_host);
        ensure(fits, "its host is no name of a machine")?;
        ensure(self.port > 0, "its port is none")?;
        ensure(self.tls != Tls::None || is_loopback(&self.host), "mail without TLS stays on this machine")?;
        ensure((1..=16).contains(&self.to.len()), "it has not 1 to 16 receivers")?;
        let printable = |b: u8| b.is_ascii_graphic() && !b"<>,;\"\\()".contains(&b);
        let is_address = |text: &String| {
            text.len() <= 254
                && text.bytes().all(printable)
                && text.split_once('@').is_some_and(|(user, host)| {
                    !user.is_empty() && !host.is_empty() && host.bytes().all(in_host)
                })
        };
        ensure([&self.from].into_iter().chain(&self.to).all(is_address), "an address is no mail address")?;
        let login = self.login.as_ref().map(|(name, password)| [name.as_str(), password.expose()]);
        let fits = |text: &str| (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        ensure(login.is_none_or(|both| both.into_iter().all(fits)), "its login is none")
    }
}

/// The region in the ARN of an SNS topic; of none whose messages are ordered in groups (`.fifo`), as nobody could
/// publish a notice there.
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

/// `https`, or `http` to this machine.
fn check_url(url: &SecretText) -> Result<(), String> {
    let text = url.expose();
    let (scheme, _) = text.split_once("://").ok_or("its URL is none")?;
    let host = host_of(text).ok_or("its URL is none")?;
    let plain =
        text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    ensure(plain && !host.is_empty() && !host.contains('@'), "its URL is none")?;
    ensure(scheme == "https" || scheme == "http", "its URL is neither https nor http")?;
    ensure(scheme == "https" || is_loopback(host), "its URL is http; that stays on this machine")
}

/// Its host, with a user's name before it if there is one.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    Some(match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    })
}

fn is_loopback(host: &str) -> bool {
    ["127.0.0.1", "[::1]", "::1", "localhost"].contains(&host)
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// The canonical form, borrowed: no secret is copied but into the locked buffer.
#[derive(Default, Serialize)]
pub(super) struct ChannelForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<super::form::KeyForm<'a>>,
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
}

impl<'a> ChannelForm<'a> {
    pub(super) fn of(channel: &'a Channel) -> Self {
        let form =
            Self { kind: channel.kind(), name: &channel.name, timeout: channel.timeout, ..Self::default() };
        match &channel.kind {
            Kind::Sns { topic_arn, key } => {
                Self { topic_arn: Some(topic_arn), key: Some(super::form::KeyForm::of(key)), ..form }
            }
            Kind::PagerDuty { routing_key, url } => Self {
                routing_key: Some(routing_key.expose()),
                url: url.as_ref().map(SecretText::expose),
                ..form
            },
            Kind::Slack { url } => Self { url: Some(url.expose()), ..form },
            Kind::Webhook { url, secret } => {
                Self { url: Some(url.expose()), secret: Some(secret.expose()), ..form }
            }
            Kind::Smtp(smtp) => Self {
                host: Some(&smtp.host),
                port: Some(smtp.port),
                tls: Some(smtp.tls),
                username: smtp.login.as_ref().map(|(name, _)| name.as_str()),
                password: smtp.login.as_ref().map(|(_, password)| password.expose()),
                from: Some(&smtp.from),
                to: Some(&smtp.to),
                ..form
            },
        }
    }
}
