//! Words and formats that occur in several outputs: the findings, the timeline, the page and the summary.

use super::facts::calls::{ApiCall, CallerKind};
use super::facts::window::{EnabledSpan, EndedBy};
use crate::ledger::AlertTopic;
use crate::time_text;

/// The name of each kind of caller in messages. The page lists the callers in this order.
pub(super) const NAMES: [(CallerKind, &str); 6] = [
    (CallerKind::Opener, "the opener"),
    (CallerKind::Closer, "the closer"),
    (CallerKind::Emergency, "the emergency user's key"),
    (CallerKind::Issued, "the issued credentials"),
    (CallerKind::UnknownKey, "the emergency user, with an unknown key"),
    (CallerKind::Other, "someone else"),
];

/// Returns words for the topic of an alert. The words follow `acknowledged` in a sentence.
pub(super) fn topic(topic: AlertTopic) -> &'static str {
    match topic {
        AlertTopic::Opening => "the opening",
        AlertTopic::Closing => "that a quorum was closing access",
        AlertTopic::NotOpened => "that nothing was opened",
        AlertTopic::Closed => "the close",
        AlertTopic::MayBeOpen => "that access may still be open",
    }
}

/// Formats the duration for which access was enabled, and what ended the access.
pub(super) fn span(span: &EnabledSpan) -> String {
    let end = match span.ended_by {
        EndedBy::Close => "closed",
        EndedBy::T1 => "ended by AWS at T1",
        EndedBy::NotEnded => "not ended yet",
    };
    format!("{} ({end})", length(span.seconds))
}

/// Formats a duration, such as `12 min 4 s`.
pub(super) fn length(seconds: i64) -> String {
    time_text::seconds(seconds.try_into().unwrap_or_default())
}

/// Formats a number of calls, such as `1 call` or `2 calls`.
pub(super) fn calls_of(count: usize) -> String {
    if count == 1 { "1 call".into() } else { format!("{count} calls") }
}

/// Returns the service and the action of a call, such as `iam PutUserPolicy`.
pub(super) fn service(call: &ApiCall) -> String {
    let service = call.event_source.strip_suffix(".amazonaws.com").unwrap_or(&call.event_source);
    format!("{service} {}", call.event_name)
}
