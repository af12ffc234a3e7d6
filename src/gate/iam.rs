//! The port to AWS, one trait per principal: who holds the opener cannot close with it, nor the closer open.
#![allow(async_fn_in_trait, reason = "the futures stay on one thread, so they need not be `Send`")]

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::session::SessionId;
use super::snapshot::{Glance, Snapshot};

/// Why a call did not do what it should, as far as that is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// AWS said no: nothing was done.
    Refused(String),
    /// It never left this machine: nothing was done.
    NotSent(String),
    /// AWS asked to come back later: nothing was done.
    Throttled(String),
    /// No answer that says: it may have been done, or be done yet.
    Unknown(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "AWS refused: {why}"),
            Self::NotSent(why) => write!(f, "AWS was not reached: {why}"),
            Self::Throttled(why) => write!(f, "AWS throttles: {why}"),
            Self::Unknown(why) => write!(f, "no clear answer: {why}"),
        }
    }
}

/// The result of one write.
pub type Write = Result<(), Fault>;

/// Who AWS says one is, and what time it says it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// AWS's own clock, whole seconds.
    pub time: Timestamp,
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
    async fn glance(&self) -> Glance;
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
    Shut,
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

/// Time, patience and words around the calls.
pub trait World {
    /// AWS's clock, as last measured.
    fn now(&self) -> Timestamp;
    /// Waits; shorter when somebody wants the opening stopped.
    async fn pause(&self, time: Duration);
    /// The opening shall stop at the next safe place.
    fn interrupted(&self) -> bool;
    /// Nobody wants to wait any longer for the proof that all is shut.
    fn gave_up(&self) -> bool;
    /// One calm line of progress.
    fn say(&self, line: &str);
    /// Before anything else: people are told, until one of them acknowledges it.
    async fn tell(&self) -> crate::error::Result<()>;
    /// Before the first write: the record that makes the session one's own.
    fn intend(&self) -> crate::error::Result<()>;
    /// T0 and T1 are known, by AWS's clock, before the first write: recorded, so that a dead run's end is known.
    fn end_is_set(&self, from: Timestamp, until: Timestamp) -> crate::error::Result<()>;
    /// Before the write that enables: recorded, so that a use is known of whatever becomes of this run.
    fn enabling(&self) -> crate::error::Result<()>;
    /// Ends the programs that were given access.
    async fn end_children(&self);
}
