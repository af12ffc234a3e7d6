//! The faults of a call, and the choice of the call that gets a fault.

use std::time::Duration;

/// Identifies one call of a run: the nth call of this action that is signed with this key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spot {
    /// The action, such as `PutUserPolicy`.
    pub action: String,
    /// The access key id. [`SESSION`] stands for the key of any session, and an empty text stands for any key.
    pub key: String,
    /// The number of the call, starting at 1.
    pub nth: u32,
}

impl Spot {
    pub fn new(action: &str, key: &str, nth: u32) -> Self {
        Self { action: action.to_owned(), key: key.to_owned(), nth }
    }

    pub(super) fn is(&self, action: &str, key: &str) -> bool {
        self.action == action && (self.key.is_empty() || self.key == whose(key))
    }
}

/// Stands for the key of any session. A test does not know the key before the session is issued.
pub const SESSION: &str = "ASIA";

/// Returns the text that stands for this key in a [`Spot`].
pub(super) fn whose(key: &str) -> &str {
    if key.starts_with(SESSION) { SESSION } else { key }
}

/// A fault of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The call gets the answer `403 AccessDenied`, as if a policy denied the call. Every later call with the same
    /// action and key gets the same answer.
    Refused,
    /// This many calls in a row with the same action and key, starting with this call, take no effect and get the
    /// answer `400 Throttling`.
    Throttled(u32),
    /// This many calls in a row with the same action and key, starting with this call, take no effect and get the
    /// answer `500 InternalFailure`.
    Broken(u32),
    /// The call takes effect at once, and the reply is delayed.
    Slow(Duration),
    /// The call takes effect, but the connection is closed without a reply.
    ReplyLost,
    /// The connection is closed without a reply. The call takes effect after this delay.
    Late(Duration),
    /// The connection is closed without a reply. The call takes no effect.
    Cut,
    /// The network is cut from this call on. This call and every later call get no reply and take no effect.
    Gone,
    /// The call gets no reply and takes no effect until [`super::Proxy::release`].
    Hold,
}

impl Fault {
    /// Returns how many consecutive calls get the fault.
    pub(super) fn lasts(&self) -> u32 {
        match self {
            Self::Refused => u32::MAX,
            Self::Throttled(times) | Self::Broken(times) => *times,
            _ => 1,
        }
    }
}
