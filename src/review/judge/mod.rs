//! Draws conclusions from the facts: the timeline, the findings and the follow-up.

pub(super) mod findings;
pub(super) mod follow_up;
pub(super) mod timeline;
