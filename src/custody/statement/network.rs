//! The network settings for the connection to AWS, which custodians approve: custom endpoints, proxy, CA, and variants
//! of AWS's endpoints.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::form;

/// The largest number of custom endpoints.
const MAX_ENDPOINTS: usize = 16;

/// The protocol of an endpoint.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Http,
    Https,
}

/// A custom endpoint: the address to which the calls to one AWS service, or to all services, are sent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustomEndpoint {
    /// A host name or an IP address. In this field, an IPv6 address has no brackets.
    pub host: String,
    pub port: u16,
    pub scheme: Protocol,
    /// The service in lower case, such as `iam`. `*` stands for every service that has no separate entry.
    pub service: String,
}

/// The network settings that determine which host the program reaches and which CA it trusts. If all settings have
/// their defaults, a statement does not contain these settings.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkPath {
    /// SHA-256 of the file with the trusted CA certificates, as hex. The field is `None` if the system's certificates
    /// are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_sha256: Option<String>,
    /// Whether AWS's dual-stack endpoints are used.
    pub dual_stack: bool,
    /// Whether AWS's FIPS endpoints are used.
    pub fips: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
}

/// An HTTP proxy. The user name and the password for the proxy are not part of this value.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    pub host: String,
    pub port: u16,
}

/// The reason why a URL is not an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndpointError {
    /// The scheme is not `https` or `http`.
    Scheme,
    /// The host is missing, or has a character that no host name or address has.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The URL has more than a scheme, a host and a port: a user name, a path, a query or a fragment.
    More,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URL does not begin with https:// or http://",
            Self::Host => "the URL's host is not a host name or an address",
            Self::Port => "the URL's port is not a number from 1 to 65535",
            Self::More => "the URL has more than a scheme, a host and a port",
        })
    }
}

impl std::error::Error for EndpointError {}

impl CustomEndpoint {
    /// Reads the URL of a service's endpoint. The URL must consist of scheme, host and port.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn parse(service: &str, url: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Protocol::Https, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Protocol::Http, rest),
            _ => return Err(EndpointError::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err(EndpointError::More);
        }
        let (host, port) = match authority.strip_prefix('[').map(|inner| inner.split_once(']')) {
            Some(Some((host, port))) => (host, port.strip_prefix(':').or(port.is_empty().then_some(""))),
            Some(None) => return Err(EndpointError::Host),
            None => {
                authority.split_once(':').map_or((authority, Some("")), |(host, port)| (host, Some(port)))
            }
        };
        let bracketed = authority.starts_with('[');
        let host = host.to_ascii_lowercase();
        if !is_host(&host) || bracketed != host.contains(':') {
            return Err(EndpointError::Host);
        }
        let port = match (port.ok_or(EndpointError::Host)?, scheme) {
            ("", Protocol::Https) => 443,
            ("", Protocol::Http) => 80,
            (text, _) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|&port| port != 0).ok_or(EndpointError::Port)?
            }
            _ => return Err(EndpointError::Port),
        };
        Ok(Self { host, port, scheme, service: service.to_owned() })
    }
}

/// Formats the endpoint, for example as `iam at https://localhost:4566`. If the endpoint is for every service, the
/// text is only the URL.
impl fmt::Display for CustomEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, scheme, service } = self;
        if service != "*" {
            write!(f, "{service} at ")?;
        }
        let scheme = match scheme {
            Protocol::Http => "http",
            Protocol::Https => "https",
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

/// Checks the endpoints and the network settings of a request. Returns the name of the field that is not in its accepted
/// form.
pub(super) fn check(endpoints: &[CustomEndpoint], network: Option<&NetworkPath>) -> form::Check {
    let is_service = |text: &str| {
        let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        text == "*" || (1..=64).contains(&text.len()) && text.bytes().all(is_part)
    };
    form::ensure("endpoints", endpoints.len() <= MAX_ENDPOINTS)?;
    form::ensure("endpoints", endpoints.is_sorted_by(|a, b| a.service < b.service))?;
    for CustomEndpoint { host, port, service, .. } in endpoints {
        form::ensure("endpoints", is_host(host) && *port != 0 && is_service(service))?;
    }
    let Some(network) = network else { return Ok(()) };
    form::ensure("network", *network != NetworkPath::default())?;
    network.ca_sha256.as_ref().map_or(Ok(()), |digest| form::hex("network", digest, 32))?;
    let proxy = network.proxy.as_ref();
    form::ensure("network", proxy.is_none_or(|Proxy { host, port }| is_host(host) && *port != 0))
}

/// Returns whether the text is a host name or an IP address in lower case. An IPv6 address has no brackets.
fn is_host(text: &str) -> bool {
    let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let of_address = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b) || b".:".contains(&b);
    let colons = text.bytes().filter(|b| *b == b':').count();
    let is_address = colons >= 2 && text.len() <= 45 && text.bytes().all(of_address);
    is_address || (1..=253).contains(&text.len()) && text.bytes().all(in_name)
}

/// Returns the endpoints as text for people, separated by commas.
pub fn endpoints_text(endpoints: &[CustomEndpoint]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_consists_of_scheme_host_and_port() {
        for (url, text) in [
            ("http://localhost:4566", "http://localhost:4566"),
            ("https://IAM.example.org/", "https://iam.example.org:443"),
            ("HTTP://127.0.0.1", "http://127.0.0.1:80"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(CustomEndpoint::parse("*", url).map(|e| e.to_string()), Ok(text.into()), "{url}");
        }
        assert_eq!(CustomEndpoint::parse("iam", "http://x").unwrap().to_string(), "iam at http://x:80");
    }

    #[test]
    fn a_url_with_more_than_scheme_host_and_port_is_refused() {
        for (url, why) in [
            ("localhost:4566", EndpointError::Scheme),
            ("ftp://x", EndpointError::Scheme),
            ("", EndpointError::Scheme),
            ("https://", EndpointError::Host),
            ("https://ev il", EndpointError::Host),
            ("https://a\u{7}b", EndpointError::Host),
            ("https://[::1", EndpointError::Host),
            ("https://::1", EndpointError::Host),
            ("https://[fe80::1%25eth0]", EndpointError::Host),
            ("https://[localhost]", EndpointError::Host),
            ("https://[1:2]", EndpointError::Host),
            ("https://x:0", EndpointError::Port),
            ("https://x:65536", EndpointError::Port),
            ("https://x:1:2", EndpointError::Port),
            ("https://x:+1", EndpointError::Port),
            ("https://user:secret@x", EndpointError::More),
            ("https://x/path", EndpointError::More),
            ("https://x?query", EndpointError::More),
            ("https://amazonaws.com#@evil", EndpointError::More),
        ] {
            assert_eq!(CustomEndpoint::parse("*", url).unwrap_err(), why, "{url}");
        }
    }
}
