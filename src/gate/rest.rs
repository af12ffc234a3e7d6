//! Is the emergency user at rest? If not: an untidy end, somebody's open window, or drift, by name.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::iam::Fault;
use super::policy::{Found, GATE, recognise};
use super::session::SessionId;
use super::snapshot::{Credential, Read, Snapshot};
use crate::vault::canonical;

/// What was sealed about the user.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The user's name.
    pub user: String,
    /// ARN of `AWSDenyAll` in the user's partition.
    pub deny: String,
    /// ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document in RFC 8785 JSON.
    pub boundary_sha256: [u8; 32],
    /// The sealed access key's id.
    pub key: String,
}

/// ARN of the managed policy that shuts the user.
pub fn deny_all(partition: &str) -> String {
    format!("arn:{partition}:iam::aws:policy/AWSDenyAll")
}

/// What the snapshot amounts to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Shut, as it should be between emergencies.
    AtRest,
    /// A run that did not close, whose end has passed or was never reached: close it, go on.
    Untidy(Vec<Leftover>),
    /// Somebody works behind this gate now.
    OpenWindow {
        /// Whose.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// Not the user that was sealed.
    Drift(Vec<Finding>),
}

/// A verdict and what should be said beside it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What it amounts to.
    pub verdict: Verdict,
    /// Not in the way, but not as it should be.
    pub warnings: Vec<String>,
}

/// What an untidy end left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leftover {
    /// `AWSDenyAll` is not attached.
    DenyMissing,
    /// The emergency key is active.
    KeyActive,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DenyMissing => "AWSDenyAll is not attached",
            Self::KeyActive => "the emergency key is active",
        })
    }
}

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

/// Judges what was read, at `now` by AWS's clock.
pub fn judge(snapshot: &Snapshot, expected: &Expected, now: Timestamp) -> Judgement {
    let mut warnings = Vec::new();
    let findings = drift(snapshot, expected, &mut warnings);
    let open = open_window(&snapshot.gate, &snapshot.attached, &expected.deny, now);
    if let Some(Found { session, until }) = open {
        warnings.extend(findings.iter().map(ToString::to_string));
        return Judgement { verdict: Verdict::OpenWindow { session, until }, warnings };
    }
    let leftovers = leftovers(snapshot, expected);
    let verdict = match (findings.is_empty(), leftovers.is_empty()) {
        (false, _) => Verdict::Drift(findings),
        (true, false) => Verdict::Untidy(leftovers),
        (true, true) => Verdict::AtRest,
    };
    Judgement { verdict, warnings }
}

/// The window that is open now: its end is ahead and no deny is attached. `deny` is the ARN of `AWSDenyAll`.
pub fn open_window(
    gate: &Read<Option<Value>>,
    attached: &Read<Vec<String>>,
    deny: &str,
    now: Timestamp,
) -> Option<Found> {
    let attached = attached.as_ref().ok()?;
    let gate = gate.as_ref().ok()?.as_ref()?;
    recognise(gate).filter(|found| found.until > now && !attached.iter().any(|arn| arn == deny))
}

fn leftovers(snapshot: &Snapshot, expected: &Expected) -> Vec<Leftover> {
    let mut left = Vec::new();
    if !listed(&snapshot.attached).contains(&expected.deny) {
        left.push(Leftover::DenyMissing);
    }
    if listed(&snapshot.keys).iter().any(|key| key.id == expected.key && key.active) {
        left.push(Leftover::KeyActive);
    }
    left
}

fn drift(snapshot: &Snapshot, expected: &Expected, warnings: &mut Vec<String>) -> Vec<Finding> {
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
        && recognise(document).is_none()
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

/// What could not be read is a finding of its own; here it is simply nothing.
fn listed<T>(read: &Read<Vec<T>>) -> &[T] {
    read.as_deref().unwrap_or_default()
}

fn active(read: &Read<Vec<Credential>>) -> impl Iterator<Item = String> + '_ {
    listed(read).iter().filter(|credential| credential.active).map(|credential| credential.id.clone())
}

#[cfg(test)]
mod tests;
