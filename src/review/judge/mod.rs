//! Draws conclusions from the facts: the timeline, the findings and the follow-up.

mod call_findings;
pub(super) mod finding;
pub(super) mod findings;
pub(super) mod follow_up;
pub(super) mod timeline;
