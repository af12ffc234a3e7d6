//! What to close, and how a close ended.

use jiff::Timestamp;

use super::refusals::Refusals;
use crate::gate::observed::Scope;
use crate::gate::session::SessionId;

/// The access to close: the keys and the session of one user.
#[derive(Debug)]
pub struct CloseRequest<'a> {
    /// ARN of `AWSDenyAll`.
    pub deny: &'a str,
    /// The id of the sealed key, if it is known. The close deactivates the sealed key first, and then every other
    /// active key of the user.
    pub key: Option<&'a str>,
    /// The session to close. The close does not end the window of any other session. `None` closes every window.
    pub session: Option<SessionId>,
    /// Whether the opening of `session` sent the write that detaches `AWSDenyAll`. Without that write, another machine
    /// must have opened the window with the gate of `session`, and the close must not end the window.
    pub lifted: bool,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
}

impl CloseRequest<'_> {
    /// Returns a scope that covers every key of the user.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope { deny: self.deny, keys: None }
    }

    /// Whether the open window of the session `found` belongs to another opening, so that the close must not end this
    /// window.
    pub(super) fn is_other(&self, found: SessionId) -> bool {
        self.session.is_some_and(|own| own != found || !self.lifted)
    }
}

/// How a close ended.
#[derive(Debug, Eq, PartialEq)]
pub enum CloseOutcome {
    /// Access is proven closed.
    Closed {
        /// What AWS refused. A close that only read IAM and did not probe has no refusals.
        refusals: Refusals,
        /// The IAM writes that failed. AWS refuses access nevertheless.
        untidy: Option<String>,
    },
    /// IAM has the gate of another session. The close did not end the other session's window.
    TakenOver {
        /// The other session.
        session: SessionId,
        /// T1 of the other session.
        until: Timestamp,
        /// Whether access was proven closed before the other session opened its window. If access was not proven
        /// closed, the credentials of the requested session might work until `until`.
        was_closed: bool,
    },
    /// Access might still be open.
    Unproven {
        /// The reason for the doubt: the step that failed, or the change that AWS does not show yet.
        why: String,
        /// T1, if it is known.
        until: Option<Timestamp>,
    },
}

impl CloseOutcome {
    /// Reports whether the access of the requested session was proven closed.
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Closed { .. } | Self::TakenOver { was_closed: true, .. })
    }
}
