//! The traits for calls to AWS, one trait for each principal. The trait of the opener cannot close access, and the
//! trait of the closer cannot open access.

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
    /// When the request was sent, by the boot-time clock. AWS set `time` after the request was sent.
    pub asked_at: Instant,
}

/// Credentials that can ask AWS for the account to which the credentials belong.
pub trait Caller {
    /// Calls `GetCallerIdentity`.
    async fn identify(&self) -> Result<Identity, Fault>;
}

/// The calls with the opener's credentials. None of the opener's calls closes access.
pub trait Opener: Caller {
    /// Reads all properties of the user that an opening checks. The calls run concurrently.
    async fn read(&self) -> Snapshot;
    /// Calls `PutUserPolicy` for `breakglass-gate`, in one attempt. `document` is canonical JSON.
    async fn put_gate(&self, document: &str) -> Write;
    /// Calls `DetachUserPolicy` for `AWSDenyAll`, in one attempt.
    async fn lift_deny(&self) -> Write;
}

/// The calls with the closer's credentials. None of the closer's calls detaches `AWSDenyAll`.
pub trait Closer {
    /// Reads the gate, the attached policies and the access keys. The calls run concurrently.
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
    /// AWS answered that the key is unknown or inactive. The answer "unknown key" proves that access is closed only if
    /// the program has deactivated the key.
    KeyRefused,
    /// AWS gave another answer or no answer. The probe proves nothing.
    Unclear(String),
}

/// The AWS session to issue for use during the window.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The id of the session that is being opened.
    pub session: SessionId,
    /// T1, the time at which the AWS session should end.
    pub until: Timestamp,
    /// The session policy. The policy narrows the permissions of the AWS session's user or role.
    pub policy: Option<&'a Value>,
}

/// The calls with the emergency user's credentials.
pub trait Emergency {
    /// Probes with the long-term key. Returns `None` if this process does not have the key.
    async fn probe_key(&self) -> Option<Probed>;
    /// Returns how long to wait before an AWS session can be issued. AWS accepts each one-time code only once, so the
    /// program might have to wait for the next code.
    fn ready_in(&self) -> Duration;
    /// Issues the AWS session for use during the window, in one attempt.
    async fn issue_session(&self, wanted: &Wanted<'_>) -> Write;
    /// Probes with the issued AWS session. Returns `None` if no session was issued.
    async fn probe_session(&self) -> Option<Probed>;
}
