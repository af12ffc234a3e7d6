//! Decides whether a drill was complete. The command `status`, the review and the drill's statement all use the same
//! decision.

use crate::custody::statement::drill::{Drill, ExpectedOutcome};
use crate::ledger::intent::approvals;
use crate::ledger::record::Entry;
use crate::vault::manifest::Manifest;

/// Returns whether a drill had the expected outcome. If the drill had to open access, the drill must also be complete.
/// The arguments are those of [`is_complete_drill`]; the field `passed` of `evidence` is not used.
pub fn has_passed(evidence: &Drill, records: &[&Entry], manifest: &Manifest) -> bool {
    let Drill { expected, exit, opened, closed, .. } = *evidence;
    let passed = Drill { passed: true, ..evidence.clone() };
    let is_complete = || is_complete_drill(&passed, records, manifest);
    expected.is_met(exit, opened, closed) && (expected != ExpectedOutcome::OpensAndCloses || is_complete())
}

/// Returns whether a drill was complete: a quorum of custodians approved the drill and gave shares, the drill opened
/// access, and access was proven closed. A complete drill is due every quarter.
///
/// `evidence` is the result of the drill that a custodian signs. `records` has the ledger's records of the drill's
/// session, with the signed approvals. `manifest` is the manifest of the vault or of the vault's drill vault.
pub fn is_complete_drill(evidence: &Drill, records: &[&Entry], manifest: &Manifest) -> bool {
    if !(evidence.passed && evidence.opened && evidence.closed) {
        return false;
    }
    let vault = manifest.drill_of.as_ref().unwrap_or(&manifest.vault_id);
    let intent = records.iter().find_map(|entry| entry.record.intent()).filter(|intent| {
        intent.session == evidence.session
            && intent.vault == evidence.vault_id
            && intent.drill_of == Some(vault.as_str())
    });
    let signed = approvals(records);
    let approvers = intent.map(|intent| intent.approvers(&signed, manifest)).unwrap_or_default();
    let gave_share = |name: &&str| evidence.custodians.iter().any(|custodian| custodian == *name);
    approvers.into_iter().filter(gave_share).count() >= usize::from(manifest.threshold.get())
}
