//! The ports to AWS, with one trait per principal. Code that has only the opener cannot close, and code that has only
//! the closer cannot open.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::fault::{Fault, Write};
use super::session::SessionId;
use super::snapshot::{AccessState, Snapshot};
use crate::boot_clock::Instant;

/// The result of `GetCallerIdentity`: the account that the credentials belong to, and AWS's time.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The id of the account: twelve digits.
    pub account: String,
    /// The `Date` header of AWS's answer, in whole seconds.
    pub time: Timestamp,
    /// When the request was sent, by the boot-time clock. AWS took `time` afterwards.
    pub asked_at: Instant,
}

/// Credentials with which the program can ask AWS for the account that the credentials belong to.
pub trait Caller {
    /// Calls `GetCallerIdentity`.
    async fn identify(&self) -> Result<Identity, Fault>;
}

/// The calls with the opener's credentials. No call of the opener closes access.
pub trait Opener: Caller {
    /// Reads all properties of the user that an opening checks. The calls are concurrent.
    async fn read(&self) -> Snapshot;
    /// Calls `PutUserPolicy` for `breakglass-gate`, in one attempt. `document` is canonical JSON.
    async fn put_gate(&self, document: &str) -> Write;
    /// Calls `DetachUserPolicy` for `AWSDenyAll`, in one attempt.
    async fn lift_deny(&self) -> Write;
}

/// The calls with the closer's credentials. No call of the closer detaches the deny.
pub trait Closer {
    /// Reads the gate, the attached policies and the access keys. The calls are concurrent.
    async fn read_access_state(&self) -> AccessState;
    /// Calls `AttachUserPolicy` for `AWSDenyAll`, in one attempt.
    async fn attach_deny(&self) -> Write;
    /// Calls `UpdateAccessKey` for the key `id`, in one attempt. Activates the key if `active`, else deactivates it.
    async fn switch_key(&self, id: &str, active: bool) -> Write;
}

/// The result of one probe, which is a call of `sns:ListTopics`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probed {
    /// AWS accepted the call: access is open.
    Open,
    /// AWS refused the action or the session: access is closed.
    Refused,
    /// AWS answered that it does not know the key. Such an answer proves that access is closed only if the program
    /// deactivated the key before.
    KeyRefused,
    /// AWS gave another answer or none, which proves nothing.
    Unclear(String),
}

/// The AWS session to issue for use during the window.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The id of the session that is being opened.
    pub session: SessionId,
    /// T1, when the session should end.
    pub until: Timestamp,
    /// The session policy, which narrows the permissions that the AWS session has from its user or role.
    pub policy: Option<&'a Value>,
}

/// The calls with the emergency user's credentials.
pub trait Emergency {
    /// Probes with the long-term key. `None` if this process does not have that key.
    async fn probe_key(&self) -> Option<Probed>;
    /// Returns the time until an AWS session can be issued. There can be a wait for the next one-time code, because
    /// AWS accepts each code only once.
    fn ready_in(&self) -> Duration;
    /// Issues the AWS session for use during the window, in one attempt.
    async fn issue_session(&self, wanted: &Wanted<'_>) -> Write;
    /// Probes with the issued AWS session. `None` if no session was issued.
    async fn probe_session(&self) -> Option<Probed>;
}
