//! Everything that was read back about the emergency user at one time; what could not be read says so.

use std::fmt;

use serde_json::Value;

use super::fault::{Fault, Read};

/// The user as IAM shows it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Gate, attached policies and access keys.
    pub access: AccessState,
    /// `GetUser`; `None` when there is no such user.
    pub user: Read<Option<User>>,
    /// The document of the boundary that was sealed: `GetPolicy`, `GetPolicyVersion`.
    pub boundary_document: Read<Value>,
    /// Names of the inline policies: `ListUserPolicies`.
    pub inline: Read<Vec<String>>,
    /// Names: `ListGroupsForUser`.
    pub groups: Read<Vec<String>>,
    /// `GetLoginProfile`.
    pub login_profile: Read<bool>,
    /// `ListSSHPublicKeys`.
    pub ssh_keys: Read<Vec<Credential>>,
    /// `ListSigningCertificates`.
    pub certificates: Read<Vec<Credential>>,
    /// `ListServiceSpecificCredentials`.
    pub service_credentials: Read<Vec<Credential>>,
}

/// What shows whether access is open: the short read.
#[derive(Clone, Debug)]
pub struct AccessState {
    /// The document of `breakglass-gate`, if there is one: `GetUserPolicy`.
    pub gate: Read<Option<Value>>,
    /// ARNs: `ListAttachedUserPolicies`.
    pub attached: Read<Vec<String>>,
    /// `ListAccessKeys`.
    pub keys: Read<Vec<Credential>>,
}

impl AccessState {
    /// Lists what could not be read.
    pub fn unread(&self) -> Vec<Unread> {
        let attached = Unread::of("attached policies", &self.attached);
        let keys = Unread::of("access keys", &self.keys);
        attached.into_iter().chain(keys).chain(Unread::of("gate policy", &self.gate)).collect()
    }
}

/// Something that could not be read; never taken as absent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unread {
    /// Completes the phrase "its … could not be read".
    pub what: &'static str,
    /// Why.
    pub fault: Fault,
}

impl Unread {
    /// Returns the failed read, if it failed.
    pub(super) fn of<T>(what: &'static str, read: &Read<T>) -> Option<Self> {
        read.as_ref().err().map(|fault| Self { what, fault: fault.clone() })
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its {} could not be read ({})", self.what, self.fault)
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
