//! Words and formats that the findings, the timeline, the page and the summary share.

use super::facts::calls::CallerKind;
use super::facts::window::{EnabledSpan, EndedBy};
use crate::ledger::AlertTopic;
use crate::time_text;

/// Every caller, in the order of the page, and its name.
pub(super) const NAMES: [(CallerKind, &str); 6] = [
    (CallerKind::Opener, "the opener"),
    (CallerKind::Closer, "the closer"),
    (CallerKind::Emergency, "the emergency user's key"),
    (CallerKind::Issued, "the issued credentials"),
    (CallerKind::UnknownKey, "the emergency user, with an unknown key"),
    (CallerKind::Other, "someone else"),
];

/// Returns what an alert is about.
pub(super) fn topic(topic: AlertTopic) -> &'static str {
    match topic {
        AlertTopic::Opening => "the opening",
        AlertTopic::NotOpened => "that nothing was opened",
        AlertTopic::Closed => "the close",
        AlertTopic::MayBeOpen => "that access may still be open",
    }
}

/// Formats the duration, and what ended it.
pub(super) fn span(span: &EnabledSpan) -> String {
    let end = match span.ended_by {
        EndedBy::Close => "closed",
        EndedBy::T1 => "ended by AWS at T1",
        EndedBy::NotEnded => "not ended yet",
    };
    format!("{} ({end})", length(span.seconds))
}

/// `12 min 4 s`.
pub(super) fn length(seconds: i64) -> String {
    time_text::seconds(seconds.try_into().unwrap_or_default())
}
