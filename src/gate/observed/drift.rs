//! Drift: the differences between the emergency user in IAM and the properties that the vault records.

use std::fmt;

use super::expected::Expected;
use crate::gate::fault::{Fault, Read};
use crate::gate::policy::{GATE, parse_gate};
use crate::gate::snapshot::{Credential, Snapshot, Unread};
use crate::vault::canonical;

/// One difference between the user in IAM and the properties of the user that the vault records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Drift {
    /// The user does not exist.
    NoUser,
    /// The user has no permissions boundary.
    NoBoundary,
    /// The user's permissions boundary is not the sealed boundary; the field is the ARN of the user's boundary.
    OtherBoundary(String),
    /// The document of the permissions boundary does not have the sealed digest; the field is the boundary's ARN.
    EditedBoundary(String),
    /// The user has an inline policy besides the gate; the field is the policy's name.
    InlinePolicy(String),
    /// `AWSDenyAll` is not attached, and the program did not write the inline policy `breakglass-gate`.
    ForeignGate,
    /// The user has a managed policy besides `AWSDenyAll`; the field is the policy's ARN.
    AttachedPolicy(String),
    /// The user is in a group; the field is the group's name.
    Group(String),
    /// The user has an active access key that was not sealed; the field is the key's id.
    ActiveKey(String),
    /// The user has an inactive access key besides the sealed key; the field is the inactive key's id.
    ExtraKey(String),
    /// The sealed access key does not exist; the field is the key's id.
    KeyMissing(String),
    /// The user has a console password.
    LoginProfile,
    /// The user has an active SSH key; the field is the key's id.
    SshKey(String),
    /// The user has an active signing certificate; the field is the certificate's id.
    Certificate(String),
    /// The user has an active service-specific credential; the field is the credential's id.
    ServiceCredential(String),
    /// The user has a credential whose status is neither active nor inactive.
    OtherStatus {
        /// The kind of the credential, such as `SSH key`.
        what: &'static str,
        /// The credential's id.
        id: String,
        /// The status, as IAM names it.
        status: String,
    },
    /// A property of the user could not be read. The program does not treat an unread property as absent.
    Unread(Unread),
}

impl Drift {
    /// Whether this drift is a read that failed for a reason other than a refusal by AWS.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unread(unread) if !matches!(unread.fault, Fault::Refused(_)))
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser => write!(f, "the user does not exist"),
            Self::NoBoundary => write!(f, "the user has no permissions boundary"),
            Self::OtherBoundary(arn) => {
                write!(f, "the permissions boundary is {arn}, not the sealed boundary")
            }
            Self::EditedBoundary(arn) => {
                write!(f, "the document of the boundary {arn} was edited since sealing")
            }
            Self::InlinePolicy(name) => write!(f, "the user has another inline policy {name}"),
            Self::ForeignGate => {
                write!(f, "the inline policy {GATE} was not written by this tool, and no deny is attached")
            }
            Self::AttachedPolicy(arn) => write!(f, "the user has the policy {arn} attached"),
            Self::Group(name) => write!(f, "the user is in the group {name}"),
            Self::ActiveKey(id) => write!(f, "the user has another active access key {id}"),
            Self::ExtraKey(id) => write!(f, "the user has a second, inactive access key {id}"),
            Self::KeyMissing(id) => write!(f, "the sealed access key {id} does not exist"),
            Self::LoginProfile => write!(f, "the user has a login profile (a console password)"),
            Self::SshKey(id) => write!(f, "the user has an active SSH key {id}"),
            Self::Certificate(id) => write!(f, "the user has an active signing certificate {id}"),
            Self::ServiceCredential(id) => {
                write!(f, "the user has an active service-specific credential {id}")
            }
            Self::OtherStatus { what, id, status } => {
                write!(f, "the user has the {what} {id} with the status {status}, which counts as active")
            }
            Self::Unread(unread) => unread.fmt(f),
        }
    }
}

/// Returns the differences that prevent an opening. Adds harmless differences to `warnings`.
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
    found.extend(active("SSH key", &snapshot.ssh_keys, Drift::SshKey));
    found.extend(active("signing certificate", &snapshot.certificates, Drift::Certificate));
    let service = &snapshot.service_credentials;
    found.extend(active("service-specific credential", service, Drift::ServiceCredential));
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
    match keys.iter().find(|key| key.id == expected.key) {
        None => found.push(Drift::KeyMissing(expected.key.clone())),
        Some(key) if key.other_status.is_some() => found.push(drift_of("access key", key, Drift::ActiveKey)),
        Some(_) => {}
    }
    for key in keys.iter().filter(|key| key.id != expected.key) {
        if key.active {
            found.push(drift_of("access key", key, Drift::ActiveKey));
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

/// Returns the items that were read, or no items if the read failed. [`Drift::Unread`] reports a failed read.
fn listed<T>(read: &Read<Vec<T>>) -> &[T] {
    read.as_deref().unwrap_or_default()
}

/// Returns a drift for each credential whose status is not inactive.
fn active(
    what: &'static str,
    read: &Read<Vec<Credential>>,
    drift: fn(String) -> Drift,
) -> impl Iterator<Item = Drift> {
    listed(read).iter().filter(|credential| credential.active).map(move |one| drift_of(what, one, drift))
}

fn drift_of(what: &'static str, credential: &Credential, drift: fn(String) -> Drift) -> Drift {
    let id = credential.id.clone();
    match &credential.other_status {
        Some(status) => Drift::OtherStatus { what, id, status: status.clone() },
        None => drift(id),
    }
}
