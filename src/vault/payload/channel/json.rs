//! The JSON form of a channel, whose fields depend on the channel's kind.

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Channel, ChannelKind, Smtp, Tls};
use crate::secret::SecretText;
use crate::vault::duration::Span;
use crate::vault::payload::error::FieldError;
use crate::vault::payload::key::{AccessKey, KeyForm};

/// A channel's kind in JSON.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    Sns,
    PagerDuty,
    Slack,
    Webhook,
    Smtp,
}

/// The fields of a channel of any kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelJson {
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

impl ChannelJson {
    /// Fails if the JSON has a field that does not belong to the channel's kind.
    fn only(&self, allowed: &[&str]) -> Result<(), FieldError> {
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
            Some((name, _)) => Err(FieldError::Unknown(name)),
            None => Ok(()),
        }
    }
}

fn wanted<T>(name: &'static str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or(FieldError::Missing(name))
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Self::try_from(ChannelJson::deserialize(json)?).map_err(de::Error::custom)
    }
}

impl TryFrom<ChannelJson> for Channel {
    type Error = FieldError;

    fn try_from(m: ChannelJson) -> Result<Self, FieldError> {
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
                ChannelKind::Sns { topic_arn: wanted("topic_arn", m.topic_arn)?, key: wanted("key", m.key)? }
            }
            KindName::PagerDuty => {
                ChannelKind::PagerDuty { routing_key: wanted("routing_key", m.routing_key)?, url: m.url }
            }
            KindName::Slack => ChannelKind::Slack { url: wanted("url", m.url)? },
            KindName::Webhook => {
                ChannelKind::Webhook { url: wanted("url", m.url)?, secret: wanted("secret", m.secret)? }
            }
            KindName::Smtp => ChannelKind::Smtp(Smtp {
                host: wanted("host", m.host)?,
                port: wanted("port", m.port)?,
                tls: wanted("tls", m.tls)?,
                login: match (m.username, m.password) {
                    (Some(name), password) => Some((name, wanted("password", password)?)),
                    (None, None) => None,
                    (None, Some(_)) => return Err(FieldError::Missing("username")),
                },
                from: wanted("from", m.from)?,
                to: wanted("to", m.to)?,
            }),
        };
        Ok(Self { name: m.name, timeout: m.timeout, kind })
    }
}

/// The canonical form of a [`Channel`]. This form borrows the channel's values, so secrets are copied only into the
/// locked buffer.
#[derive(Default, Serialize)]
pub(in crate::vault::payload) struct ChannelForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyForm<'a>>,
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
    pub(in crate::vault::payload) fn of(channel: &'a Channel) -> Self {
        let form =
            Self { kind: channel.kind(), name: &channel.name, timeout: channel.timeout, ..Self::default() };
        match &channel.kind {
            ChannelKind::Sns { topic_arn, key } => {
                Self { topic_arn: Some(topic_arn), key: Some(KeyForm::of(key)), ..form }
            }
            ChannelKind::PagerDuty { routing_key, url } => Self {
                routing_key: Some(routing_key.expose()),
                url: url.as_ref().map(SecretText::expose),
                ..form
            },
            ChannelKind::Slack { url } => Self { url: Some(url.expose()), ..form },
            ChannelKind::Webhook { url, secret } => {
                Self { url: Some(url.expose()), secret: Some(secret.expose()), ..form }
            }
            ChannelKind::Smtp(smtp) => Self {
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
