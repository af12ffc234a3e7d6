//! Creates the intent and the notice of an opening from the approved request.

use crate::alert::Notice;
use crate::custody::statement::approval::{Approved, Request};
use crate::ledger::{Principals, Record, VaultFacts};
use crate::vault::payload::{Gatekeepers, SealedTarget, Way};
use crate::vault::target::TargetId;

/// Returns the fields that are equal in every alert of the opening.
pub(super) fn notice(vault: &VaultFacts, target: &TargetId, approved: &Approved) -> Notice {
    let Request { session, reason, again, no_alert, older_epoch, window, drill_of, .. } =
        approved.request().clone();
    Notice {
        drill: drill_of.is_some(),
        session: Some(session),
        reason: Some(reason),
        again,
        no_alert,
        older_epoch,
        window: Some(window),
        approved_by: approved.custodians().to_vec(),
        ..Notice::of(vault, target)
    }
}

/// Returns the intent, which is written to the ledger before the first call to AWS.
pub(super) fn intent(vault: &VaultFacts, target: &SealedTarget, approved: &Approved) -> Record {
    let request = approved.request().clone();
    Record::Intent {
        session: request.session,
        vault: vault.vault_id.clone(),
        epoch: vault.epoch,
        credentials_epoch: vault.credentials_epoch,
        sha256: hex::encode(vault.sha256),
        lane: target.lane(),
        target: TargetId::from(target),
        regions: target.regions.clone(),
        principals: Box::new(principals(target)),
        window: request.window,
        reason: request.reason,
        again: request.again,
        no_alert: request.no_alert,
        drill_of: request.drill_of,
        extra_key: request.extra_key,
        older_epoch: request.older_epoch,
        endpoints: request.endpoints,
        network: request.network.map(Box::new),
    }
}

/// Returns the access key ids and the role with which the run calls AWS. CloudTrail logs the calls with these names.
fn principals(target: &SealedTarget) -> Principals {
    let emergency = target.emergency.id.clone();
    match &target.way {
        Way::Gate(Gatekeepers { opener, closer, .. }) => Principals {
            emergency,
            opener: Some(opener.id.clone()),
            closer: Some(closer.id.clone()),
            role: None,
        },
        Way::Static(role) => Principals { emergency, role: Some(role.clone()), ..Principals::default() },
    }
}
