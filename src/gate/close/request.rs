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
    /// The session to close; the open window of any other session is left alone. `None` closes every window.
    pub session: Option<SessionId>,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
}

impl CloseRequest<'_> {
    /// Returns a scope with every key of the user.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope { deny: self.deny, keys: None }
    }
}

/// How a close ended.
#[derive(Debug, Eq, PartialEq)]
pub enum CloseOutcome {
    /// Access is proven closed.
    Closed {
        /// What AWS refused. If nothing was probed, the state was only read from IAM.
        refusals: Refusals,
        /// The writes that failed, although AWS refuses access.
        untidy: Option<String>,
    },
    /// The gate of another session is in place. The window of that session was not closed.
    TakenOver {
        /// The other session.
        session: SessionId,
        /// T1 of the other session.
        until: Timestamp,
        /// Whether access was proven closed before the other session opened its window. If not, the credentials of
        /// the requested session might work until `until`.
        was_closed: bool,
    },
    /// Access might still be open.
    Unproven {
        /// The step that failed, or the change that AWS does not show.
        why: String,
        /// T1, if it is known.
        until: Option<Timestamp>,
    },
}

impl CloseOutcome {
    /// Reports whether access of the requested session was proven closed.
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Closed { .. } | Self::TakenOver { was_closed: true, .. })
    }
}
