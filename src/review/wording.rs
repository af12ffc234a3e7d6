//! Words and forms that the findings, the timeline, the page and the summary share.

use jiff::Timestamp;

use super::facts::calls::Caller;
use super::facts::window::{EnabledSpan, EndedBy};
use crate::ledger::AlertTopic;

/// Every principal and what people call it.
pub(super) const NAMES: [(Caller, &str); 6] = [
    (Caller::Opener, "the opener"),
    (Caller::Closer, "the closer"),
    (Caller::Emergency, "the emergency user's own key"),
    (Caller::Issued, "the issued session"),
    (Caller::User, "the emergency user with a key unknown to this session"),
    (Caller::Somebody, "somebody else, who changed the emergency user,"),
];

/// What people were told.
pub(super) fn about(about: AlertTopic) -> &'static str {
    match about {
        AlertTopic::Opening => "the opening",
        AlertTopic::NotOpened => "that it was not opened",
        AlertTopic::Closed => "the close",
        AlertTopic::MayBeOpen => "that it may be open",
    }
}

/// `2026-11-22 02:17:00 UTC`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long, and what ended it.
pub(super) fn span(span: &EnabledSpan) -> String {
    let end = match span.ended_by {
        EndedBy::Close => "closed",
        EndedBy::T1 => "ended by AWS at T1",
        EndedBy::NothingYet => "not yet ended",
    };
    format!("{} ({end})", length(span.seconds))
}

/// `12 min 4 s`.
pub(super) fn length(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let parts: Vec<_> =
        parts.into_iter().filter(|(n, _)| *n != 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}
