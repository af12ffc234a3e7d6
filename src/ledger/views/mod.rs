//! Computes three things from the ledger's records: the status of a target, the readiness of a vault and the outcome of
//! a session.

pub(super) mod complete_drill;
pub(super) mod drills;
pub(super) mod last_session;
pub(super) mod readiness;
pub(super) mod session_outcome;
pub(super) mod target_status;
#[cfg(test)]
mod tests;
