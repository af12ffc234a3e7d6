//! Drift by name: each way in which the user is not the one that was sealed.

use std::fmt;

use super::Expected;
use crate::gate::fault::{Fault, Read};
use crate::gate::policy::{GATE, parse_gate};
use crate::gate::snapshot::{Credential, Snapshot, Unread};
use crate::vault::canonical;

/// One way in which the user is not the one that was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Drift {
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
    Unread(Unread),
}

impl Drift {
    /// IAM did not say; it did not refuse either.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unread(unread) if !matches!(unread.fault, Fault::Refused(_)))
    }
}

impl fmt::Display for Drift {
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
            Self::Unread(unread) => unread.fmt(f),
        }
    }
}

/// Every finding; what is inert goes to the warnings.
pub(super) fn drift(snapshot: &Snapshot, expected: &Expected, warnings: &mut Vec<String>) -> Vec<Drift> {
    let mut findings = unread(snapshot);
    match &snapshot.user {
        Ok(None) => return vec![Drift::NoUser],
        Ok(Some(user)) => findings.extend(boundary(user.boundary.as_deref(), snapshot, expected)),
        Err(_) => {}
    }
    let inline = listed(&snapshot.inline).iter().filter(|name| *name != GATE);
    findings.extend(inline.cloned().map(Drift::InlinePolicy));
    let denied = listed(&snapshot.access.attached).contains(&expected.deny);
    if let Ok(Some(document)) = &snapshot.access.gate
        && parse_gate(document).is_none()
    {
        if denied {
            warnings.push(format!(
                "the inline policy {GATE} was not written by this tool; it is inert and will be replaced"
            ));
        } else {
            findings.push(Drift::ForeignGate);
        }
    }
    let attached = listed(&snapshot.access.attached).iter().filter(|arn| **arn != expected.deny);
    findings.extend(attached.cloned().map(Drift::AttachedPolicy));
    findings.extend(listed(&snapshot.groups).iter().cloned().map(Drift::Group));
    findings.extend(access_keys(snapshot, expected, warnings));
    if snapshot.login_profile == Ok(true) {
        findings.push(Drift::LoginProfile);
    }
    findings.extend(active(&snapshot.ssh_keys).map(Drift::SshKey));
    findings.extend(active(&snapshot.certificates).map(Drift::Certificate));
    findings.extend(active(&snapshot.service_credentials).map(Drift::ServiceCredential));
    findings
}

fn boundary(arn: Option<&str>, snapshot: &Snapshot, expected: &Expected) -> Option<Drift> {
    match (arn, &snapshot.boundary_document) {
        (None, _) => Some(Drift::NoBoundary),
        (Some(arn), _) if arn != expected.boundary => Some(Drift::OtherBoundary(arn.to_owned())),
        (Some(arn), Ok(document)) => match canonical::try_digest(document) {
            Ok(sha256) if sha256 == expected.boundary_sha256 => None,
            _ => Some(Drift::EditedBoundary(arn.to_owned())),
        },
        (Some(_), Err(_)) => None,
    }
}

fn access_keys(snapshot: &Snapshot, expected: &Expected, warnings: &mut Vec<String>) -> Vec<Drift> {
    let Ok(keys) = &snapshot.access.keys else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !keys.iter().any(|key| key.id == expected.key) {
        findings.push(Drift::KeyMissing(expected.key.clone()));
    }
    for key in keys.iter().filter(|key| key.id != expected.key) {
        if key.active {
            findings.push(Drift::ActiveKey(key.id.clone()));
        } else {
            warnings.push(format!(
                "user {} has a second, inactive access key {}: delete it",
                expected.user, key.id
            ));
        }
    }
    findings
}

fn unread(snapshot: &Snapshot) -> Vec<Drift> {
    let boundary = Unread::of("boundary's document", &snapshot.boundary_document);
    let failed = [
        Unread::of("user record", &snapshot.user),
        boundary.filter(|_| matches!(snapshot.user, Ok(Some(_)))),
        Unread::of("inline policies", &snapshot.inline),
        Unread::of("groups", &snapshot.groups),
        Unread::of("login profile", &snapshot.login_profile),
        Unread::of("SSH keys", &snapshot.ssh_keys),
        Unread::of("signing certificates", &snapshot.certificates),
        Unread::of("service-specific credentials", &snapshot.service_credentials),
    ];
    failed.into_iter().flatten().chain(snapshot.access.unread()).map(Drift::Unread).collect()
}

/// A read that failed is listed as [`Drift::Unread`]; here it counts as empty.
fn listed<T>(read: &Read<Vec<T>>) -> &[T] {
    read.as_deref().unwrap_or_default()
}

fn active(read: &Read<Vec<Credential>>) -> impl Iterator<Item = String> + '_ {
    listed(read).iter().filter(|credential| credential.active).map(|credential| credential.id.clone())
}
