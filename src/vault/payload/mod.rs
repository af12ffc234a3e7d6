//! What is sealed: the targets with their credentials, and the runbook. JSON, padded to whole blocks.

mod alerts;
mod form;
mod input;
mod members;
mod strict;
mod target;

use serde::Deserialize;
use serde_json::Value;

use super::duration::Span;
use super::{json, manifest, names};
use crate::error::{Error, Result};
use crate::secret::{SecretBuf, SecretText};
pub use alerts::{Channel, Kind, Smtp, Tls, check as check_alerts, region_of};
use form::{Form, Room};
pub use input::Input;
use members::Members;

/// The payload is padded with spaces to a multiple of this, in bytes.
pub const BLOCK: usize = 4096;

/// The longest payload, with its padding, in bytes.
pub const MAX_BYTES: usize = 512 * 1024;

/// One IAM access key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// `AKIA…`; not secret.
    #[serde(rename = "access_key_id")]
    pub id: String,
    /// Forty characters.
    #[serde(rename = "secret_access_key")]
    pub secret: SecretText,
}

/// The emergency user's MFA device: its sessions carry MFA.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mfa {
    /// ARN of the virtual device.
    #[serde(rename = "serial_number")]
    pub serial: String,
    /// Its seed in base32 (RFC 4648), without padding.
    #[serde(rename = "totp_seed")]
    pub seed: SecretText,
}

/// One account with its emergency user, and all that opens and closes it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Members")]
pub struct Target {
    /// The name custodians and operators know it by.
    pub name: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// Where the grant holds; the probe asks in the first.
    pub regions: Vec<String>,
    /// The emergency IAM user's name, without a path.
    pub user: String,
    /// The longest window.
    pub max_window: Span,
    /// The emergency user's own key.
    pub emergency: AccessKey,
    /// Its MFA device, if it has one; always in the lane `static`.
    pub mfa: Option<Mfa>,
    /// The statements granted inside the window.
    pub grant: Vec<Value>,
    /// The grant may write identities.
    pub repairs_identity: bool,
    /// What makes the window.
    pub way: Way,
}

/// What makes the window: one for each lane.
#[derive(Debug)]
pub enum Way {
    /// A policy on the user, with an end.
    Gate(Gatekeepers),
    /// A role that the user assumes under MFA; the session's policy has an end. ARN.
    Static(String),
}

/// The user's ceiling, and the two principals who open and close its gate.
#[derive(Debug)]
pub struct Gatekeepers {
    /// ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document in RFC 8785 JSON.
    pub boundary_sha256: [u8; 32],
    /// Writes the gate policy and detaches `AWSDenyAll`.
    pub opener: AccessKey,
    /// Attaches `AWSDenyAll` and switches the key.
    pub closer: AccessKey,
}

/// Everything that is sealed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// 1.
    pub version: u8,
    /// What it opens.
    pub targets: Vec<Target>,
    /// What to do first, for the operator.
    #[serde(default)]
    pub runbook: String,
    /// Who is told before anything opens.
    #[serde(default)]
    pub alerts: Vec<Channel>,
}

impl Payload {
    /// Reads the opened payload of a vault.
    ///
    /// # Errors
    /// [`Status::Damaged`].
    pub fn from_sealed(padded: &[u8]) -> Result<Self> {
        let damaged = |why: &str| Error::damaged(format!("what is sealed is not valid: {why}"));
        let end = padded.iter().rposition(|&b| b != b' ').map_or(0, |last| last + 1);
        if padded.len() != end.next_multiple_of(BLOCK) {
            return Err(damaged("its padding"));
        }
        let payload = Self::parse(&padded[..end]).map_err(|why| damaged(&why))?;
        let canonical = payload.to_sealed();
        if canonical.expose() == padded { Ok(payload) } else { Err(damaged("it is not in canonical form")) }
    }

    /// The canonical JSON, padded to whole blocks.
    ///
    /// # Panics
    /// Never: what was read and checked fits.
    pub fn to_sealed(&self) -> SecretBuf {
        let form = Form::of(self);
        let mut room = Room(MAX_BYTES);
        serde_json_canonicalizer::to_writer(&form, &mut room).expect("a checked payload fits");
        let length = MAX_BYTES - room.0;
        let mut buffer = SecretBuf::with_capacity(length.next_multiple_of(BLOCK));
        serde_json_canonicalizer::to_writer(&form, &mut buffer).expect("measured just now");
        buffer.spare_mut().fill(b' ');
        buffer.advance(length.next_multiple_of(BLOCK) - length);
        buffer
    }

    /// How its windows are made: one lane for all targets.
    pub fn lane(&self) -> manifest::Lane {
        self.targets.first().map_or(manifest::Lane::Gate, Target::lane)
    }

    /// The names of the alert channels, which the manifest shows.
    pub fn channels(&self) -> Vec<String> {
        self.alerts.iter().map(|channel| channel.name.clone()).collect()
    }

    /// What the manifest says of the targets.
    pub fn summaries(&self) -> Vec<manifest::Target> {
        self.targets.iter().map(Target::summary).collect()
    }

    fn parse(json: &[u8]) -> Result<Self, String> {
        if json.len() > MAX_BYTES {
            return Err(format!("longer than {MAX_BYTES} bytes"));
        }
        let payload: Self = json::read(json)?;
        payload.checked()
    }

    /// Itself, if every member has its only accepted form and there is room for it.
    fn checked(self) -> Result<Self, String> {
        let payload = self;
        payload.check()?;
        // A number may be longer in its canonical form: 1e20 is 21 digits.
        let mut room = Room(MAX_BYTES);
        serde_json_canonicalizer::to_writer(&Form::of(&payload), &mut room)
            .map_err(|_| format!("longer than {MAX_BYTES} bytes, or with a number that JSON cannot write"))?;
        Ok(payload)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!("version {} is not known; this program knows 1", self.version));
        }
        if self.targets.is_empty() || self.targets.len() > manifest::MAX_TARGETS {
            return Err(format!("there must be 1 to {} targets", manifest::MAX_TARGETS));
        }
        self.targets.iter().try_for_each(Target::check)?;
        alerts::check(&self.alerts)?;
        if self.targets.iter().any(|target| target.lane() != self.targets[0].lane()) {
            return Err("its targets are of two lanes; seal each lane in a vault of its own".into());
        }
        names::all_different("target", self.targets.iter().map(|t| t.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed_from(json: &[u8]) -> Result<Payload> {
        Input::parse(json).map(|input| input.payload)
    }

    fn input(grant: &str, more: &str) -> String {
        let key = |id: char| {
            format!(
                r#"{{"access_key_id":"AKIA{}","secret_access_key":"{}"}}"#,
                id.to_string().repeat(16),
                "s".repeat(40)
            )
        };
        format!(
            r#"{{"version":1,"targets":[{{"name":"prod","partition":"aws","account":"111122223333",
            "regions":["eu-west-1"],"user":"emergency","boundary":"arn:aws:iam::111122223333:policy/Ceiling",
            "boundary_sha256":"{}","max_window":"1h","opener":{},"closer":{},"emergency":{},"grant":[{grant}]{more}}}]}}"#,
            "0".repeat(64),
            key('A'),
            key('B'),
            key('C'),
        )
    }

    #[test]
    fn what_grows_past_the_limit_in_its_canonical_form_is_refused_and_does_not_panic() {
        let numbers = |count| format!("[{}1]", "1e20,".repeat(count));
        assert!(sealed_from(input(&numbers(10_000), "").as_bytes()).is_ok());
        let error = sealed_from(input(&numbers(60_000), "").as_bytes()).unwrap_err();
        assert!(error.what.contains("longer than"), "{error}");
    }

    #[test]
    fn a_sealed_payload_is_read_back_only_in_its_own_form() {
        let sealed = sealed_from(input("", "").as_bytes()).unwrap().to_sealed();
        let bytes = sealed.expose();
        assert_eq!(bytes.len(), BLOCK);
        assert!(Payload::from_sealed(bytes).is_ok());
        assert!(Payload::from_sealed(&[bytes, &[b' '; BLOCK]].concat()).is_err(), "a block too many");
        assert!(Payload::from_sealed(&bytes[1..]).is_err());
        assert!(Payload::from_sealed(&[b" ", &bytes[..BLOCK - 1]].concat()).is_err(), "a space before");
        assert!(Payload::from_sealed(b"").is_err());
    }

    #[test]
    fn no_error_repeats_a_value() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let as_member = input("", &format!(r#","{secret}":1"#));
        let as_window = input("", "").replace("\"1h\"", &format!("\"{secret}\""));
        let as_digest = input("", "").replace(&"0".repeat(64), secret);
        for json in [as_member, as_window, as_digest] {
            let error = sealed_from(json.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains(&secret[..8]), "{error}");
        }
        let error = sealed_from(input("", r#","max_windw":1"#).as_bytes()).unwrap_err();
        assert!(error.what.contains("unknown field `max_windw`"), "{error}");
    }
}
