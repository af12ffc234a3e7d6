//! Words and formats that the findings, the timeline, the page and the summary share.

use jiff::Timestamp;

use super::facts::calls::Caller;
use super::facts::window::{EnabledSpan, EndedBy};
use crate::ledger::AlertTopic;

/// Every caller, in the order of the page, and its name.
pub(super) const NAMES: [(Caller, &str); 6] = [
    (Caller::Opener, "the opener"),
    (Caller::Closer, "the closer"),
    (Caller::Emergency, "the emergency user's key"),
    (Caller::Issued, "the issued credentials"),
    (Caller::User, "the emergency user, with an unknown key"),
    (Caller::Somebody, "someone else"),
];

/// Returns what an alert is about.
pub(super) fn about(about: AlertTopic) -> &'static str {
    match about {
        AlertTopic::Opening => "the opening",
        AlertTopic::NotOpened => "that nothing was opened",
        AlertTopic::Closed => "the close",
        AlertTopic::MayBeOpen => "that access may still be open",
    }
}

/// `2026-11-22 02:17:00 UTC`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Formats the duration, and what ended it.
pub(super) fn span(span: &EnabledSpan) -> String {
    let end = match span.ended_by {
        EndedBy::Close => "closed",
        EndedBy::T1 => "ended by AWS at T1",
        EndedBy::NothingYet => "not ended yet",
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
