//! Which call is spoilt, and how.

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

/// Stands for the key of any session, which is not known beforehand.
pub const SESSION: &str = "ASIA";

/// A key as [`Spot`] names it.
pub(super) fn whose(key: &str) -> &str {
    if key.starts_with(SESSION) { SESSION } else { key }
}

/// What is done to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// 403 AccessDenied, to it and to every later call of its action and key: a policy says so.
    Refused,
    /// 400 Throttling, to so many of them.
    Throttled(u32),
    /// 500 InternalFailure, to so many of them. Nothing is done.
    Broken(u32),
    /// Done at once, and the reply comes so much later.
    Slow(Duration),
    /// Done; the connection is closed without a reply.
    ReplyLost,
    /// The connection is closed without a reply; it is done so much later.
    Late(Duration),
    /// The connection is closed, and nothing is done.
    Cut,
    /// The same for it and for every later call: the network is gone.
    Gone,
    /// Neither done nor answered until [`super::Proxy::release`].
    Hold,
}

impl Fault {
    /// How many calls in a row it meets.
    pub(super) fn lasts(&self) -> u32 {
        match self {
            Self::Refused => u32::MAX,
            Self::Throttled(times) | Self::Broken(times) => *times,
            _ => 1,
        }
    }
}
