//! The facts of one session, each with the evidence for it: read from ledgers, signatures, receivers and CloudTrail.

pub(super) mod approvals;
pub(super) mod calls;
pub(super) mod cloudtrail;
pub(super) mod coverage;
pub(super) mod evidence;
pub(super) mod intent;
pub(super) mod notifications;
pub(super) mod outcome;
pub(super) mod session_records;
pub(super) mod window;
