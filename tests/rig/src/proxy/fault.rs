//! Faults, and the call that gets one.

use std::time::Duration;

/// One call of a run: the nth of this action, counted from 1, signed with this key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spot {
    /// `PutUserPolicy`.
    pub action: String,
    /// Access key id; [`SESSION`] for that of any session, empty for any at all.
    pub key: String,
    /// From 1.
    pub nth: u32,
}

impl Spot {
    /// The nth call of an action with this key.
    pub fn new(action: &str, key: &str, nth: u32) -> Self {
        Self { action: action.to_owned(), key: key.to_owned(), nth }
    }

    pub(super) fn is(&self, action: &str, key: &str) -> bool {
        self.action == action && (self.key.is_empty() || self.key == whose(key))
    }
}

/// Matches the key of any session, as that is not known beforehand.
pub const SESSION: &str = "ASIA";

/// A key as [`Spot`] names it.
pub(super) fn whose(key: &str) -> &str {
    if key.starts_with(SESSION) { SESSION } else { key }
}

/// A fault of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// 403 AccessDenied, for it and every later call of its action and key, as from a policy.
    Refused,
    /// 400 Throttling, for this many of them.
    Throttled(u32),
    /// 500 InternalFailure, for this many of them. They take no effect.
    Broken(u32),
    /// It takes effect at once, and the reply is delayed.
    Slow(Duration),
    /// It takes effect; the connection is closed without a reply.
    ReplyLost,
    /// The connection is closed without a reply; it takes effect after this delay.
    Late(Duration),
    /// The connection is closed; it takes no effect.
    Cut,
    /// The same for it and every later call: the network is cut.
    Gone,
    /// It takes no effect and gets no reply until [`super::Proxy::release`].
    Hold,
}

impl Fault {
    /// The number of calls in a row that get the fault.
    pub(super) fn lasts(&self) -> u32 {
        match self {
            Self::Refused => u32::MAX,
            Self::Throttled(times) | Self::Broken(times) => *times,
            _ => 1,
        }
    }
}
