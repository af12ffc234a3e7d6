//! Everything that was read back about the emergency user at one time; what could not be read says so.

use serde_json::Value;

use super::fault::Read;

/// The user as IAM shows it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// `GetUser`; `None` when there is no such user.
    pub user: Read<Option<User>>,
    /// The document of the boundary that was sealed: `GetPolicy`, `GetPolicyVersion`.
    pub boundary_document: Read<Value>,
    /// Names of the inline policies: `ListUserPolicies`.
    pub inline: Read<Vec<String>>,
    /// The document of `breakglass-gate`, if there is one: `GetUserPolicy`.
    pub gate: Read<Option<Value>>,
    /// ARNs: `ListAttachedUserPolicies`.
    pub attached: Read<Vec<String>>,
    /// Names: `ListGroupsForUser`.
    pub groups: Read<Vec<String>>,
    /// `ListAccessKeys`.
    pub keys: Read<Vec<Credential>>,
    /// `GetLoginProfile`.
    pub login_profile: Read<bool>,
    /// `ListSSHPublicKeys`.
    pub ssh_keys: Read<Vec<Credential>>,
    /// `ListSigningCertificates`.
    pub certificates: Read<Vec<Credential>>,
    /// `ListServiceSpecificCredentials`.
    pub service_credentials: Read<Vec<Credential>>,
}

/// What says whether the user is open now.
#[derive(Clone, Debug)]
pub struct AccessState {
    /// As [`Snapshot::gate`].
    pub gate: Read<Option<Value>>,
    /// As [`Snapshot::attached`].
    pub attached: Read<Vec<String>>,
    /// As [`Snapshot::keys`].
    pub keys: Read<Vec<Credential>>,
}

impl AccessState {
    /// The deny is attached and no key is active, as far as that could be read. `deny`: ARN of `AWSDenyAll`.
    pub fn is_at_rest(&self, deny: &str) -> bool {
        let denied = matches!(&self.attached, Ok(arns) if arns.iter().any(|arn| arn == deny));
        denied && matches!(&self.keys, Ok(keys) if !keys.iter().any(|key| key.active))
    }
}

/// What `GetUser` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
}

/// One credential of the user; its id is not secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// As IAM names it.
    pub id: String,
    /// It can be used.
    pub active: bool,
}
