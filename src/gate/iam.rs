//! The ports to AWS, one trait per principal: code that has the opener cannot close with it, and code that has the
//! closer cannot open.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::fault::{Fault, Write};
use super::session::SessionId;
use super::snapshot::{AccessState, Snapshot};
use crate::boot_clock::Instant;

/// The account of the credentials, and the time, both from AWS's answer.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// The `Date` of the answer: whole seconds.
    pub time: Timestamp,
    /// When the request was sent, by the boot-time clock; no later than `time`.
    pub asked_at: Instant,
}

/// Credentials that can ask AWS for their account.
pub trait Caller {
    /// Calls `GetCallerIdentity`.
    async fn identify(&self) -> Result<Identity, Fault>;
}

/// The calls of the opener; none of them closes access.
pub trait Opener: Caller {
    /// Reads everything about the user, with concurrent calls.
    async fn read(&self) -> Snapshot;
    /// Calls `PutUserPolicy` for `breakglass-gate`, in one attempt. `document`: canonical JSON.
    async fn put_gate(&self, document: &str) -> Write;
    /// Calls `DetachUserPolicy` for `AWSDenyAll`, in one attempt.
    async fn lift_deny(&self) -> Write;
}

/// The calls of the closer; it cannot detach the deny.
pub trait Closer {
    /// Reads gate, attached policies and keys, with concurrent calls.
    async fn read_access_state(&self) -> AccessState;
    /// Calls `AttachUserPolicy` for `AWSDenyAll`, in one attempt.
    async fn attach_deny(&self) -> Write;
    /// Calls `UpdateAccessKey`, in one attempt.
    async fn switch_key(&self, id: &str, active: bool) -> Write;
}

/// The result of one probe, which is a call of `sns:ListTopics`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probed {
    /// AWS accepted the call: access is open.
    Open,
    /// AWS refuses the action or the session.
    Refused,
    /// AWS does not know the key. This is a refusal if the key was deactivated before; otherwise it proves nothing.
    KeyRefused,
    /// Any other answer, which proves nothing.
    Unclear(String),
}

/// The session to issue for use during the window.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The id of the opening.
    pub session: SessionId,
    /// T1.
    pub until: Timestamp,
    /// The session policy, which narrows the permissions that the session has from its principal.
    pub policy: Option<&'a Value>,
}

/// The calls with the emergency user's credentials.
pub trait Emergency {
    /// Probes with the long-term key; `None` if this process does not have it.
    async fn probe_key(&self) -> Option<Probed>;
    /// Returns how long until a session can be issued: AWS accepts each one-time code once.
    fn ready_in(&self) -> Duration;
    /// Issues the session for use during the window, in one attempt.
    async fn issue_session(&self, wanted: &Wanted<'_>) -> Write;
    /// Probes with the issued session; `None` if none was issued.
    async fn probe_session(&self) -> Option<Probed>;
}
