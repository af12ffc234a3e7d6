//! The outcome of one attempt to deliver an alert: the receiver's acknowledgement, or the reason why there is none.

use std::time::{Duration, SystemTime};

use crate::vault::names::harmless;

/// The reason why a channel did not acknowledge an alert.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection failed, or the receiver had an error. A retry can succeed.
    Temporary(String),
    /// The receiver refused the alert. A retry cannot succeed.
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
    /// The receiver's id for the alert, if the receiver returned an id. The receiver can later find the alert by this
    /// id.
    pub id: Option<String>,
    /// The receiver's answer as text.
    pub detail: String,
}

impl Receipt {
    /// Returns a receipt with an id. `what` is the kind of thing that has the id, such as `message` or `incident`.
    pub(super) fn with_id(what: &str, id: Option<&str>) -> Self {
        let id = id.filter(|id| !id.is_empty());
        Self {
            detail: id.map_or(format!("{what} without an id"), |id| format!("{what} {id}")),
            id: id.map(str::to_owned),
        }
    }

    /// Returns a receipt for an alert that the receiver accepted without returning an id.
    pub(super) fn without_id(detail: String) -> Self {
        Self { id: None, detail }
    }

    pub(super) fn plain(self) -> Self {
        Self { id: self.id.as_deref().map(plain), detail: plain(&self.detail) }
    }
}

/// The largest difference between the local clock and a receiver's clock that the program ignores. If a receiver
/// refuses a signed request and the difference is larger, the program signs the request again with the receiver's time.
const TOLERANCE: Duration = Duration::from_mins(1);

/// Reports whether the local time `here` differs from the receiver's time `date` by more than [`TOLERANCE`].
pub(super) fn is_off(date: SystemTime, here: SystemTime) -> bool {
    date.duration_since(here).or_else(|_| here.duration_since(date)).is_ok_and(|off| off > TOLERANCE)
}

/// Returns the first 160 characters of a receiver's text. Control characters are replaced with spaces.
pub(super) fn plain(text: &str) -> String {
    harmless(&text.chars().take(160).collect::<String>(), ' ')
}
