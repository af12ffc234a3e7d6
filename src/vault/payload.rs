//! What is sealed: the targets with their credentials, and the runbook. JSON, padded to whole blocks.

use std::time::Duration;

use serde_json::Value;

use crate::secret::SecretText;

/// One IAM access key.
#[derive(Debug)]
pub struct AccessKey {
    /// `AKIA…`; not secret.
    pub id: String,
    /// Forty characters.
    pub secret: SecretText,
}

/// One account with its emergency user, and all that opens and closes it.
#[derive(Debug)]
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
    /// ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document in RFC 8785 JSON.
    pub boundary_sha256: [u8; 32],
    /// The longest window.
    pub max_window: Duration,
    /// Writes the gate policy and detaches `AWSDenyAll`.
    pub opener: AccessKey,
    /// Attaches `AWSDenyAll` and switches the key.
    pub closer: AccessKey,
    /// The emergency user's own key.
    pub emergency: AccessKey,
    /// The statements granted inside the window.
    pub grant: Vec<Value>,
    /// The grant may write identities.
    pub repairs_identity: bool,
}
