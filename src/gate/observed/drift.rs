//! The ways in which the user can differ from what was sealed.

use std::fmt;

use super::expected::Expected;
use crate::gate::fault::{Fault, Read};
use crate::gate::policy::{GATE, parse_gate};
use crate::gate::snapshot::{Credential, Snapshot, Unread};
use crate::vault::canonical;

/// One way in which the user differs from what was sealed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Drift {
    /// The user does not exist.
    NoUser,
    /// The user has no permissions boundary.
    NoBoundary,
    /// A permissions boundary other than the sealed one, with its ARN.
    OtherBoundary(String),
    /// A boundary whose document does not have the sealed digest, with the boundary's ARN.
    EditedBoundary(String),
    /// An inline policy other than the gate, with its name.
    InlinePolicy(String),
    /// `AWSDenyAll` is not attached, and this tool did not write the gate.
    ForeignGate,
    /// A managed policy other than `AWSDenyAll`, with its ARN.
    AttachedPolicy(String),
    /// A group that the user is in, with its name.
    Group(String),
    /// An active access key other than the sealed one, with its id.
    ActiveKey(String),
    /// An inactive access key other than the sealed one, with its id.
    ExtraKey(String),
    /// The sealed access key does not exist; with the key's id.
    KeyMissing(String),
    /// A console password.
    LoginProfile,
    /// An active SSH key, with its id.
    SshKey(String),
    /// An active signing certificate, with its id.
    Certificate(String),
    /// An active service-specific credential, with its id.
    ServiceCredential(String),
    /// An item that could not be read. It never counts as absent.
    Unread(Unread),
}

impl Drift {
    /// Whether IAM gave no answer, rather than a refusal.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unread(unread) if !matches!(unread.fault, Fault::Refused(_)))
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser => write!(f, "it does not exist"),
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
            Self::ExtraKey(id) => write!(f, "it has a second, inactive access key {id}"),
            Self::KeyMissing(id) => write!(f, "the sealed access key {id} does not exist on it"),
            Self::LoginProfile => write!(f, "it has a login profile (a console password)"),
            Self::SshKey(id) => write!(f, "it has an active SSH key {id}"),
            Self::Certificate(id) => write!(f, "it has an active signing certificate {id}"),
            Self::ServiceCredential(id) => write!(f, "it has an active service-specific credential {id}"),
            Self::Unread(unread) => unread.fmt(f),
        }
    }
}

/// Returns every difference. Differences that cannot give access are added to `warnings` instead.
pub(super) fn drift(snapshot: &Snapshot, expected: &Expected, warnings: &mut Vec<String>) -> Vec<Drift> {
    let mut found = unread(snapshot);
    match &snapshot.user {
        Ok(None) => return vec![Drift::NoUser],
        Ok(Some(user)) => found.extend(boundary(user.boundary.as_deref(), snapshot, expected)),
        Err(_) => {}
    }
    let inline = listed(&snapshot.inline).iter().filter(|name| *name != GATE);
    found.extend(inline.cloned().map(Drift::InlinePolicy));
    let denied = listed(&snapshot.access.attached).contains(&expected.deny);
    if let Ok(Some(document)) = &snapshot.access.gate
        && parse_gate(document).is_none()
    {
        if denied {
            warnings.push(format!(
                "the inline policy {GATE} was not written by this tool; it is inert and will be replaced"
            ));
        } else {
            found.push(Drift::ForeignGate);
        }
    }
    let attached = listed(&snapshot.access.attached).iter().filter(|arn| **arn != expected.deny);
    found.extend(attached.cloned().map(Drift::AttachedPolicy));
    found.extend(listed(&snapshot.groups).iter().cloned().map(Drift::Group));
    found.extend(access_keys(snapshot, expected, warnings));
    if snapshot.login_profile == Ok(true) {
        found.push(Drift::LoginProfile);
    }
    found.extend(active(&snapshot.ssh_keys).map(Drift::SshKey));
    found.extend(active(&snapshot.certificates).map(Drift::Certificate));
    found.extend(active(&snapshot.service_credentials).map(Drift::ServiceCredential));
    found
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
    let mut found = Vec::new();
    if !keys.iter().any(|key| key.id == expected.key) {
        found.push(Drift::KeyMissing(expected.key.clone()));
    }
    for key in keys.iter().filter(|key| key.id != expected.key) {
        if key.active {
            found.push(Drift::ActiveKey(key.id.clone()));
        } else if expected.allows_extra_key {
            warnings.push(format!(
                "user {} has a second, inactive access key {}, which --extra-key allows",
                expected.user, key.id
            ));
        } else {
            found.push(Drift::ExtraKey(key.id.clone()));
        }
    }
    found
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

/// Returns the items; empty for a failed read, which is reported as [`Drift::Unread`].
fn listed<T>(read: &Read<Vec<T>>) -> &[T] {
    read.as_deref().unwrap_or_default()
}

fn active(read: &Read<Vec<Credential>>) -> impl Iterator<Item = String> + '_ {
    listed(read).iter().filter(|credential| credential.active).map(|credential| credential.id.clone())
}
