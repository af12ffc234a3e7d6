//! Drift by name: each way in which the user is not the one that was sealed.

use std::fmt;

use super::{Expected, listed};
use crate::gate::fault::{Fault, Read};
use crate::gate::policy::{GATE, parse_gate};
use crate::gate::snapshot::{Credential, Snapshot};
use crate::vault::canonical;

/// One way in which the user is not the one that was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// There is no such user.
    NoUser,
    /// It has no permissions boundary.
    NoBoundary,
    /// It has another boundary.
    OtherBoundary(String),
    /// The boundary's document is not the sealed digest's.
    EditedBoundary(String),
    /// An inline policy that is not the gate.
    InlinePolicy(String),
    /// No deny is attached, and the gate is none of ours.
    ForeignGate,
    /// A managed policy beside `AWSDenyAll`.
    AttachedPolicy(String),
    /// A group.
    Group(String),
    /// Another active access key.
    ActiveKey(String),
    /// The sealed access key does not exist.
    KeyMissing(String),
    /// A password for the console.
    LoginProfile,
    /// An active SSH key.
    SshKey(String),
    /// An active signing certificate.
    Certificate(String),
    /// An active service-specific credential.
    ServiceCredential(String),
    /// Something that could not be read: never taken as absent.
    Unread(&'static str, Fault),
}

impl Finding {
    /// IAM did not say; it did not refuse either.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unread(_, fault) if !matches!(fault, Fault::Refused(_)))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser => write!(f, "there is no such user"),
            Self::NoBoundary => write!(f, "it has no permissions boundary"),
            Self::OtherBoundary(arn) => write!(f, "its permissions boundary is {arn}, not the sealed one"),
            Self::EditedBoundary(arn) => {
                write!(f, "the document of its boundary {arn} was edited since sealing")
            }
            Self::InlinePolicy(name) => write!(f, "it has a foreign inline policy {name}"),
            Self::ForeignGate => {
                write!(f, "its inline policy {GATE} was not written by this tool, and no deny is attached")
            }
            Self::AttachedPolicy(arn) => write!(f, "it has the policy {arn} attached"),
            Self::Group(name) => write!(f, "it is in the group {name}"),
            Self::ActiveKey(id) => write!(f, "it has another active access key {id}"),
            Self::KeyMissing(id) => write!(f, "the sealed access key {id} does not exist on it"),
            Self::LoginProfile => write!(f, "it has a login profile (a console password)"),
            Self::SshKey(id) => write!(f, "it has an active SSH key {id}"),
            Self::Certificate(id) => write!(f, "it has an active signing certificate {id}"),
            Self::ServiceCredential(id) => write!(f, "it has an active service-specific credential {id}"),
            Self::Unread(what, why) => write!(f, "its {what} could not be read ({why})"),
        }
    }
}

/// Every finding; what is inert goes to the warnings.
pub(super) fn drift(snapshot: &Snapshot, expected: &Expected, warnings: &mut Vec<String>) -> Vec<Finding> {
    let mut findings = unread(snapshot);
    match &snapshot.user {
        Ok(None) => return vec![Finding::NoUser],
        Ok(Some(user)) => findings.extend(boundary(user.boundary.as_deref(), snapshot, expected)),
        Err(_) => {}
    }
    let inline = listed(&snapshot.inline).iter().filter(|name| *name != GATE);
    findings.extend(inline.cloned().map(Finding::InlinePolicy));
    let denied = listed(&snapshot.attached).contains(&expected.deny);
    if let Ok(Some(document)) = &snapshot.gate
        && parse_gate(document).is_none()
    {
        if denied {
            warnings.push(format!(
                "the inline policy {GATE} was not written by this tool; it is inert and will be replaced"
            ));
        } else {
            findings.push(Finding::ForeignGate);
        }
    }
    let attached = listed(&snapshot.attached).iter().filter(|arn| **arn != expected.deny);
    findings.extend(attached.cloned().map(Finding::AttachedPolicy));
    findings.extend(listed(&snapshot.groups).iter().cloned().map(Finding::Group));
    findings.extend(access_keys(snapshot, expected, warnings));
    if snapshot.login_profile == Ok(true) {
        findings.push(Finding::LoginProfile);
    }
    findings.extend(active(&snapshot.ssh_keys).map(Finding::SshKey));
    findings.extend(active(&snapshot.certificates).map(Finding::Certificate));
    findings.extend(active(&snapshot.service_credentials).map(Finding::ServiceCredential));
    findings
}

fn boundary(arn: Option<&str>, snapshot: &Snapshot, expected: &Expected) -> Option<Finding> {
    match (arn, &snapshot.boundary_document) {
        (None, _) => Some(Finding::NoBoundary),
        (Some(arn), _) if arn != expected.boundary => Some(Finding::OtherBoundary(arn.to_owned())),
        (Some(arn), Ok(document)) => match canonical::try_digest(document) {
            Ok(sha256) if sha256 == expected.boundary_sha256 => None,
            _ => Some(Finding::EditedBoundary(arn.to_owned())),
        },
        (Some(_), Err(_)) => None,
    }
}

fn access_keys(snapshot: &Snapshot, expected: &Expected, warnings: &mut Vec<String>) -> Vec<Finding> {
    let Ok(keys) = &snapshot.keys else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !keys.iter().any(|key| key.id == expected.key) {
        findings.push(Finding::KeyMissing(expected.key.clone()));
    }
    for key in keys.iter().filter(|key| key.id != expected.key) {
        if key.active {
            findings.push(Finding::ActiveKey(key.id.clone()));
        } else {
            warnings.push(format!(
                "user {} has a second, inactive access key {}: delete it",
                expected.user, key.id
            ));
        }
    }
    findings
}

fn unread(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut look = |what, fault: Option<&Fault>| {
        findings.extend(fault.map(|fault| Finding::Unread(what, fault.clone())));
    };
    look("user record", snapshot.user.as_ref().err());
    if matches!(snapshot.user, Ok(Some(_))) {
        look("boundary's document", snapshot.boundary_document.as_ref().err());
    }
    look("inline policies", snapshot.inline.as_ref().err());
    look("gate policy", snapshot.gate.as_ref().err());
    look("attached policies", snapshot.attached.as_ref().err());
    look("groups", snapshot.groups.as_ref().err());
    look("access keys", snapshot.keys.as_ref().err());
    look("login profile", snapshot.login_profile.as_ref().err());
    look("SSH keys", snapshot.ssh_keys.as_ref().err());
    look("signing certificates", snapshot.certificates.as_ref().err());
    look("service-specific credentials", snapshot.service_credentials.as_ref().err());
    findings
}

fn active(read: &Read<Vec<Credential>>) -> impl Iterator<Item = String> + '_ {
    listed(read).iter().filter(|credential| credential.active).map(|credential| credential.id.clone())
}
