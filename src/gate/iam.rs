//! The port to AWS, one trait per principal: who holds the opener cannot close with it, nor the closer open.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::fault::{Fault, Write};
use super::session::SessionId;
use super::snapshot::{AccessState, Snapshot};
use crate::boot_clock::Instant;

/// Whose credentials they are, and the time, as AWS says.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// AWS's own clock, whole seconds.
    pub time: Timestamp,
    /// When AWS was asked: no later than `time`.
    pub asked_at: Instant,
}

/// Whoever can ask AWS who they are.
pub trait Caller {
    /// `GetCallerIdentity`, and the `Date` of its answer.
    async fn identify(&self) -> Result<Identity, Fault>;
}

/// What the opener can do, and nothing that closes.
pub trait Opener: Caller {
    /// Everything about the user, read side by side.
    async fn read(&self) -> Snapshot;
    /// `PutUserPolicy breakglass-gate`, once.
    async fn put_gate(&self, document: &str) -> Write;
    /// `DetachUserPolicy AWSDenyAll`, once.
    async fn lift_deny(&self) -> Write;
}

/// What the closer can do: it cannot lift the deny.
pub trait Closer {
    /// Gate, attached policies and keys, read side by side.
    async fn read_access_state(&self) -> AccessState;
    /// `AttachUserPolicy AWSDenyAll`, once.
    async fn attach_deny(&self) -> Write;
    /// `UpdateAccessKey`, once.
    async fn switch_key(&self, id: &str, active: bool) -> Write;
}

/// What one probe showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probed {
    /// AWS did it: access is open.
    Open,
    /// AWS refuses the action or the session.
    Refused,
    /// AWS does not know the key: shut, once it has been deactivated.
    KeyRefused,
    /// Anything else proves nothing.
    Unclear(String),
}

/// The session that work shall get.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The opening that it is for.
    pub session: SessionId,
    /// T1.
    pub until: Timestamp,
    /// What the session is narrowed to, if that is more than its principal is.
    pub policy: Option<&'a Value>,
}

/// What the emergency user's own credentials show.
pub trait Emergency {
    /// The probe with the long-term key; `None` where it is not at hand.
    async fn probe_key(&self) -> Option<Probed>;
    /// How long until a session can be asked for: a one-time code serves once.
    fn ready_in(&self) -> Duration;
    /// Issues the session that work will use; once.
    async fn issue_session(&self, wanted: &Wanted<'_>) -> Write;
    /// The probe with the issued session; `None` when none was issued.
    async fn probe_session(&self) -> Option<Probed>;
}
