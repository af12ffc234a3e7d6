//! A call, parsed from the headers and the form of a request, and the result of the call.

use super::fault::Fault;
use super::http::Request;
use std::collections::BTreeMap;
use std::time::Instant;

/// One call that arrived at the proxy.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The API action that was called.
    pub action: String,
    /// The service: `iam`, `sts` or `sns`.
    pub service: String,
    /// The access key that signed the call.
    pub key: String,
    /// The number of the call among all calls with this action and key, starting at 1.
    pub nth: u32,
    pub params: BTreeMap<String, String>,
    pub fault: Option<Fault>,
    /// AWS's answer. `None` if the call has not reached AWS.
    pub effect: Option<Effect>,
    /// The bytes of the request that the program sent.
    pub bytes: Vec<u8>,
    /// When the call arrived.
    pub came: Instant,
    /// The time at which the proxy had received AWS's complete answer. `None` without an answer.
    pub answered: Option<Instant>,
}

/// The result of a call that AWS has answered, even if the program did not get the answer.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The number of calls that took effect before this call, counted from the start of the proxy.
    pub order: u32,
    /// The time at which the call took effect, in seconds since 1970 by AWS's clock.
    pub at: i64,
    /// The HTTP status.
    pub status: u16,
    pub body: String,
}

impl Seen {
    /// Returns whether the call is a write: its action does not start with `Get` or `List`.
    pub fn is_write(&self) -> bool {
        !self.action.starts_with("Get") && !self.action.starts_with("List")
    }

    /// Returns whether the call succeeded.
    pub fn is_done(&self) -> bool {
        self.effect.as_ref().is_some_and(|effect| effect.status == 200)
    }
}

impl Effect {
    pub(super) fn of(reply: &[u8], order: u32, at: i64) -> Self {
        let text = String::from_utf8_lossy(reply);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
        Self { order, at, status, body }
    }

    /// Returns the text of the first XML element with this name.
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    }
}

/// The properties of a call that are parsed from the request.
pub(super) struct Described {
    pub(super) action: String,
    pub(super) key: String,
    service: String,
    params: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

impl Described {
    pub(super) fn of(request: &Request) -> Self {
        let scope = request.header("authorization").and_then(|text| text.split_once("Credential=")).map(
            |(_, rest)| rest.split([',', ' ']).next().unwrap_or_default().split('/').collect::<Vec<_>>(),
        );
        let part = |index: usize| {
            scope.as_ref().and_then(|scope| scope.get(index)).map_or(String::new(), |part| (*part).to_owned())
        };
        let mut params = form(&String::from_utf8_lossy(&request.body));
        let action = params.remove("Action").unwrap_or_else(|| request.line.clone());
        Self { action, key: part(0), service: part(3), params, bytes: request.bytes("keep-alive") }
    }

    pub(super) fn seen(&self, nth: u32, fault: Option<Fault>) -> Seen {
        Seen {
            action: self.action.clone(),
            service: self.service.clone(),
            key: self.key.clone(),
            nth,
            params: self.params.clone(),
            fault,
            effect: None,
            bytes: self.bytes.clone(),
            came: Instant::now(),
            answered: None,
        }
    }
}

/// Parses the format `application/x-www-form-urlencoded`.
fn form(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let pair = digit(rest.next()).zip(digit(rest.next())).unwrap_or_default();
                u8::try_from(pair.0 * 16 + pair.1).unwrap_or_default()
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
