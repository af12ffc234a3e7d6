//! The follow-up: the tasks that must be done after a session.

use serde::Serialize;

use super::findings::{Finding, FindingId};
use crate::ledger::SharePurpose;
use crate::review::facts::Facts;
use crate::review::facts::evidence::Evidence;
use crate::time_text;

/// A task after a session.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FollowUp {
    pub id: FollowUpId,
    /// A description of the task.
    pub what: String,
    /// Whether the facts show that the task was done. If the facts do not show this, a person confirms the task with
    /// a signature.
    pub done: bool,
}

/// The kinds of tasks after a session. The names of the kinds in the JSON do not change in later versions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpId {
    ProveClosed,
    ExplainCalls,
    ExplainRefusedCalls,
    RotateCredentials,
    ResealVault,
    ReviewChanges,
    QueryCloudtrailAgain,
    ReleasedShares,
    HoldDrill,
    SignReview,
}

pub(in crate::review) fn of(facts: &Facts, findings: &[Finding]) -> Vec<FollowUp> {
    let mut all = Vec::new();
    let mut add = |id, what: String, done| all.push(FollowUp { id, what, done });
    let has = |id: FindingId| findings.iter().any(|finding| finding.id == id);
    if has(FindingId::CloseNotProven) {
        add(
            FollowUpId::ProveClosed,
            "prove that access is closed: breakglass status, breakglass close".into(),
            false,
        );
    }
    if has(FindingId::CallsOutsideWindow) || has(FindingId::CallsUnexpected) {
        add(FollowUpId::ExplainCalls, "explain each marked call, and find out who made it".into(), false);
    }
    if has(FindingId::CallsRefused) {
        add(FollowUpId::ExplainRefusedCalls, "explain the purpose of each refused call".into(), false);
    }
    if !facts.session.drill {
        let epoch = facts.vault.credentials_epoch;
        let rotated = facts.vault.file_given.is_some_and(|(_, credentials)| credentials > epoch);
        add(
            FollowUpId::RotateCredentials,
            format!("create new credentials: those of epoch {epoch} count as spent"),
            rotated,
        );
        let resealed = facts.vault.file_given.is_some_and(|(epoch, _)| epoch > facts.vault.epoch);
        add(
            FollowUpId::ResealVault,
            "seal the new credentials, and retire the old vault file".into(),
            resealed && rotated,
        );
    }
    let was_enabled = facts.window.enabled.or(facts.window.enabled_by_aws).is_some();
    let did_work = was_enabled && !facts.session.drill;
    if did_work {
        let what = "review what was changed in the window and remains: users, keys, roles, policies, data";
        add(FollowUpId::ReviewChanges, what.into(), false);
    }
    if !facts.cloudtrail.queried
        || facts.cloudtrail.query_again_after.is_some()
        || has(FindingId::CloudtrailIncomplete)
    {
        let when = facts.cloudtrail.query_again_after.map(|at| format!(" after {}", time_text::utc(at)));
        let when = when.unwrap_or_default();
        add(
            FollowUpId::QueryCloudtrailAgain,
            format!("make this packet again{when}, with --profile NAME, when CloudTrail data is complete"),
            false,
        );
    }
    let released = facts.shares.iter().filter(|share| share.purpose == SharePurpose::Open).count();
    if facts.window.enabled.is_none() && released > 0 && !facts.session.drill {
        let what =
            format!("{released} shares were given and count as released until the credentials are rotated");
        add(FollowUpId::ReleasedShares, what, false);
    }
    if !facts.session.drill && !facts.is_drill_current {
        add(
            FollowUpId::HoldDrill,
            "hold a drill: no complete, signed drill in the last 92 days".into(),
            false,
        );
    }
    let signed = facts.reviews.iter().any(|review| review.evidence == Evidence::Signature);
    add(
        FollowUpId::SignReview,
        "sign this review: breakglass review SESSION --vault FILE --sign".into(),
        signed,
    );
    all
}
