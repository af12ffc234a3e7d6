//! The properties of the emergency user, read from IAM at one time. The read of each property can fail separately.

use std::fmt;

use serde_json::Value;

use super::fault::{Fault, Read};

/// All properties of the user that an opening checks.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Gate, attached policies and access keys.
    pub access: AccessState,
    /// The result of `GetUser`. `None` if the user does not exist.
    pub user: Read<Option<User>>,
    /// The document of the permissions boundary: `GetPolicy`, `GetPolicyVersion`.
    pub boundary_document: Read<Value>,
    /// Names of the inline policies: `ListUserPolicies`.
    pub inline: Read<Vec<String>>,
    /// Names of the user's groups: `ListGroupsForUser`.
    pub groups: Read<Vec<String>>,
    /// Whether the user has a console password: `GetLoginProfile`.
    pub login_profile: Read<bool>,
    /// `ListSSHPublicKeys`.
    pub ssh_keys: Read<Vec<Credential>>,
    /// `ListSigningCertificates`.
    pub certificates: Read<Vec<Credential>>,
    /// `ListServiceSpecificCredentials`.
    pub service_credentials: Read<Vec<Credential>>,
}

/// The properties of the user that show whether access is open.
#[derive(Clone, Debug)]
pub struct AccessState {
    /// The document of `breakglass-gate`, if it exists: `GetUserPolicy`.
    pub gate: Read<Option<Value>>,
    /// ARNs of the managed policies: `ListAttachedUserPolicies`.
    pub attached: Read<Vec<String>>,
    /// `ListAccessKeys`.
    pub keys: Read<Vec<Credential>>,
}

impl AccessState {
    /// Lists the reads that failed.
    pub fn unread(&self) -> Vec<Unread> {
        let attached = Unread::of("attached policies", &self.attached);
        let keys = Unread::of("access keys", &self.keys);
        attached.into_iter().chain(keys).chain(Unread::of("gate policy", &self.gate)).collect()
    }
}

/// A property of the user that could not be read. The program does not treat an unread property as absent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unread {
    /// The name of the property, as in the message "its … could not be read".
    pub what: &'static str,
    /// Why the read failed.
    pub fault: Fault,
}

impl Unread {
    /// Returns the failure of `read`, if it failed.
    pub(super) fn of<T>(what: &'static str, read: &Read<T>) -> Option<Self> {
        read.as_ref().err().map(|fault| Self { what, fault: fault.clone() })
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its {} could not be read ({})", self.what, self.fault)
    }
}

/// The result of `GetUser`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
}

/// One credential of the user, without its secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// The credential's id in IAM, which is not secret.
    pub id: String,
    /// Whether the credential's status is not `Inactive`.
    pub active: bool,
    /// The status, if it is neither `Active` nor `Inactive`. IAM also knows the status `Expired`.
    pub other_status: Option<String>,
}

impl Credential {
    /// Returns a credential that is active or inactive.
    pub fn new(id: impl Into<String>, active: bool) -> Self {
        Self { id: id.into(), active, other_status: None }
    }
}
