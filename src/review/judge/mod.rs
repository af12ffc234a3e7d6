//! What follows from the facts: the timeline, the findings and the tasks after a session.

pub(super) mod findings;
pub(super) mod follow_up;
pub(super) mod timeline;
