//! The sealed payload has the targets with their credentials, the alert channels, and the runbook. The payload is
//! JSON, padded with spaces to whole blocks.

mod channel;
mod de;
mod error;
mod input;
mod key;
mod ser;
mod size;
mod strict;
mod target;

use serde::Deserialize;
use serde_json::Value;

use super::duration::Span;
use super::{json, manifest, names};
use crate::secret::SecretText;
pub use channel::{Channel, ChannelKind, Smtp, Tls, check as check_alerts, region_of};
pub use error::{ChannelError, PayloadError, TargetFault};
pub use input::Input;
pub use key::{AccessKey, KeyError};
use manifest::MAX_TARGETS;
pub use size::{BLOCK, MAX_BYTES};

/// The emergency user's MFA device.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mfa {
    /// The ARN of the virtual MFA device.
    #[serde(rename = "serial_number")]
    pub serial: String,
    /// The TOTP seed in base32 (RFC 4648), without padding.
    #[serde(rename = "totp_seed")]
    pub seed: SecretText,
}

/// An emergency user with the credentials that open and close its access.
#[derive(Debug)]
pub struct SealedTarget {
    /// The target's human-readable name.
    pub name: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account ID, twelve digits.
    pub account: String,
    /// The regions of the grant. Test calls (probes) go to the first region.
    pub regions: Vec<String>,
    /// The emergency IAM user's name, without a path.
    pub user: String,
    /// The maximum window.
    pub max_window: Span,
    /// The emergency user's key.
    pub emergency: AccessKey,
    /// The user's MFA device. The lane `static` requires an MFA device.
    pub mfa: Option<Mfa>,
    /// The policy statements that a window grants to the user.
    pub grant: Vec<Value>,
    /// The granted actions whose effect can outlive the window, sorted.
    pub may_outlive: Vec<String>,
    /// Whether the grant allows changes of IAM users, roles or policies.
    pub repairs_identity: bool,
    /// How access is opened and closed.
    pub way: Way,
}

/// How access is opened and closed, for each lane.
#[derive(Debug)]
pub enum Way {
    /// In the lane `gate`, a policy on the user grants access between T0 and T1.
    Gate(Gatekeepers),
    /// In the lane `static`, the user assumes the role with this ARN, with MFA. A session policy ends the role's
    /// session at T1.
    Static(String),
}

/// The user's permissions boundary, and the keys of the two principals that open and close access.
#[derive(Debug)]
pub struct Gatekeepers {
    /// The ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document in RFC 8785 JSON.
    pub boundary_sha256: [u8; 32],
    /// The key that writes the gate policy and detaches `AWSDenyAll`.
    pub opener: AccessKey,
    /// The key that attaches `AWSDenyAll`, and activates or deactivates the emergency key.
    pub closer: AccessKey,
}

/// The content of a vault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The version of the payload's format, which is 1.
    pub version: u8,
    /// The targets, with their credentials.
    pub targets: Vec<SealedTarget>,
    /// Instructions for the operator.
    #[serde(default)]
    pub runbook: String,
    /// The channels that are notified before the vault opens.
    #[serde(default)]
    pub alerts: Vec<Channel>,
}

impl Payload {
    /// Reads the decrypted payload of a vault.
    ///
    /// # Errors
    /// See [`PayloadError`].
    pub fn from_sealed(padded: &[u8]) -> Result<Self, PayloadError> {
        let end = padded.iter().rposition(|&b| b != b' ').map_or(0, |last| last + 1);
        if padded.len() != end.next_multiple_of(BLOCK) {
            return Err(PayloadError::Padding);
        }
        let payload = Self::parse(&padded[..end])?;
        let canonical = payload.to_sealed();
        if canonical.expose() == padded { Ok(payload) } else { Err(PayloadError::NotCanonical) }
    }

    /// Returns the lane (`gate` or `static`), which is the same for all targets.
    pub fn lane(&self) -> manifest::Lane {
        self.targets.first().map_or(manifest::Lane::Gate, SealedTarget::lane)
    }

    /// Returns whether a public text contains a secret of a target.
    pub fn exposes(&self, text: &str) -> bool {
        self.targets.iter().any(|target| target.exposes(text))
    }

    /// Checks that the payload agrees with the manifest.
    ///
    /// # Errors
    /// Returns a description of the difference.
    pub fn check_manifest(&self, manifest: &manifest::Manifest) -> Result<(), &'static str> {
        let has_grant = self.targets.iter().any(|target| !target.grant.is_empty());
        if self.summaries() != manifest.targets || self.lane() != manifest.lane {
            return Err("the sealed targets do not match the manifest");
        }
        if self.channels() != manifest.alerts {
            return Err("the sealed alert channels do not match the manifest");
        }
        if manifest.drill_of.is_some() && has_grant {
            return Err("the drill vault grants more than the probe");
        }
        if self.exposes(&manifest.label) {
            return Err("the label of the vault contains a secret");
        }
        Ok(())
    }

    /// Returns the names of the alert channels, for the manifest.
    pub fn channels(&self) -> Vec<String> {
        self.alerts.iter().map(|channel| channel.name.clone()).collect()
    }

    /// Returns the targets' entries in the manifest.
    pub fn summaries(&self) -> Vec<manifest::TargetSummary> {
        self.targets.iter().map(SealedTarget::summary).collect()
    }

    fn parse(json: &[u8]) -> Result<Self, PayloadError> {
        if json.len() > MAX_BYTES {
            return Err(PayloadError::TooLong);
        }
        let payload: Self = json::read(json).map_err(PayloadError::Json)?;
        payload.checked()
    }

    /// Returns the payload if every field has its only accepted form and the canonical form is not too long.
    fn checked(self) -> Result<Self, PayloadError> {
        self.check()?;
        // A number can be longer in its canonical form than in the input: `1e20` becomes 21 digits.
        self.canonical_length().ok_or(PayloadError::NoCanonicalForm)?;
        Ok(self)
    }

    fn check(&self) -> Result<(), PayloadError> {
        if self.version != 1 {
            return Err(PayloadError::Version(self.version));
        }
        if self.targets.is_empty() || self.targets.len() > MAX_TARGETS {
            return Err(PayloadError::TargetCount);
        }
        self.targets.iter().try_for_each(SealedTarget::check)?;
        channel::check(&self.alerts)?;
        if self.targets.iter().any(|target| target.lane() != self.targets[0].lane()) {
            return Err(PayloadError::MixedLanes);
        }
        Ok(names::all_different("target", self.targets.iter().map(|t| t.name.as_str()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed_from(json: &[u8]) -> crate::error::Result<Payload> {
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
    fn a_payload_too_long_in_canonical_form_is_refused_without_a_panic() {
        let numbers =
            |count| format!(r#"{{"Effect":"Deny","Action":"x:*","n":[{}1]}}"#, "1e20,".repeat(count));
        assert!(sealed_from(input(&numbers(10_000), "").as_bytes()).is_ok());
        let error = sealed_from(input(&numbers(60_000), "").as_bytes()).unwrap_err();
        assert!(error.what.contains("longer than"), "{error}");
    }

    #[test]
    fn a_sealed_payload_is_read_only_in_its_canonical_form() {
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
    fn errors_never_contain_a_value() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let as_field = input("", &format!(r#","{secret}":1"#));
        let as_window = input("", "").replace("\"1h\"", &format!("\"{secret}\""));
        let as_digest = input("", "").replace(&"0".repeat(64), secret);
        for json in [as_field, as_window, as_digest] {
            let error = sealed_from(json.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains(&secret[..8]), "{error}");
        }
        let error = sealed_from(input("", r#","max_windw":1"#).as_bytes()).unwrap_err();
        assert!(error.what.contains("unknown field `max_windw`"), "{error}");
    }
}
