//! The outcome of one attempt: what a receiver acknowledged, or why it did not.

use std::time::{Duration, SystemTime};

use crate::vault::names::harmless;

/// Why a channel did not acknowledge.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection failed or the receiver had an error; a retry may succeed.
    Temporary(String),
    /// The receiver refused.
    Permanent(String),
}

impl Failure {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Temporary(why) | Self::Permanent(why) => why,
        }
    }
}

/// A receiver's acknowledgement.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// The receiver's id for the message, if it gave one. With the id, the receiver can look the message up later.
    pub id: Option<String>,
    /// The answer as text.
    pub detail: String,
}

impl Receipt {
    /// Returns a receipt with the id of `what`, such as a message.
    pub(super) fn with_id(what: &str, id: Option<&str>) -> Self {
        let id = id.filter(|id| !id.is_empty());
        Self {
            detail: id.map_or(format!("{what} without an id"), |id| format!("{what} {id}")),
            id: id.map(str::to_owned),
        }
    }

    /// Returns a receipt for a message that was accepted without an id.
    pub(super) fn without_id(detail: String) -> Self {
        Self { id: None, detail }
    }

    pub(super) fn plain(self) -> Self {
        Self { id: self.id.as_deref().map(plain), detail: plain(&self.detail) }
    }
}

/// If the clocks differ by more than this, that explains why a receiver refused a signature.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Reports whether the local clock explains the refusal of a request dated `here` by a receiver whose time is `date`.
pub(super) fn is_off(date: SystemTime, here: SystemTime) -> bool {
    date.duration_since(here).or_else(|_| here.duration_since(date)).is_ok_and(|off| off > TOLERANCE)
}

/// Returns a receiver's text without control characters and at most 160 characters long.
pub(super) fn plain(text: &str) -> String {
    harmless(&text.chars().take(160).collect::<String>(), ' ')
}
