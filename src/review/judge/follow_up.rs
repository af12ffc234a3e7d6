//! The follow-up: the tasks that a person must do after a session.

use serde::Serialize;

use super::finding::{Finding, FindingId};
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
    /// The commands that do the task.
    pub commands: Vec<String>,
    /// Whether the facts show that the task was done. All other tasks are confirmed by the person who signs the review.
    pub done: bool,
}

/// The kinds of tasks after a session. The JSON names of the kinds do not change in later versions.
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
    let mut add = |id, what: String, commands, done| all.push(FollowUp { id, what, commands, done });
    let (session, none) = (facts.session.id, Vec::new);
    let (vault, profile) = (facts.command.explained_vault(), facts.command.explained_profile());
    let has = |id: FindingId| findings.iter().any(|finding| finding.id == id);
    if has(FindingId::CloseNotProven) {
        add(
            FollowUpId::ProveClosed,
            format!("prove that access is closed{vault}"),
            facts.command.close(),
            false,
        );
    }
    let marked = [
        FindingId::CallsOutsideWindow,
        FindingId::CallsUnexpected,
        FindingId::CallsOfAnotherSession,
        FindingId::CallsWithoutSessionId,
    ];
    if marked.into_iter().any(has) {
        add(
            FollowUpId::ExplainCalls,
            "explain each marked call, and find out who made it".into(),
            none(),
            false,
        );
    }
    if has(FindingId::CallsRefused) {
        add(
            FollowUpId::ExplainRefusedCalls,
            "explain the purpose of each refused call".into(),
            none(),
            false,
        );
    }
    if !facts.session.drill {
        let epoch = facts.vault.credentials_epoch;
        let rotated = facts.vault.file_given.is_some_and(|(_, credentials)| credentials > epoch);
        add(
            FollowUpId::RotateCredentials,
            format!("create new credentials: those of epoch {epoch} count as spent"),
            none(),
            rotated,
        );
        let resealed = facts.vault.file_given.is_some_and(|(epoch, _)| epoch > facts.vault.epoch);
        add(
            FollowUpId::ResealVault,
            "seal the new credentials, and retire the old vault file".into(),
            none(),
            resealed && rotated,
        );
    }
    let was_enabled = facts.window.enabled.or(facts.window.enabled_by_aws).is_some();
    let did_work = was_enabled && !facts.session.drill;
    if did_work {
        let what = "review what was changed in the window and remains: users, keys, roles, policies, data";
        add(FollowUpId::ReviewChanges, what.into(), none(), false);
    }
    if let Some(when) = query_again(facts) {
        let what = format!("make the review again {when}{profile}");
        add(FollowUpId::QueryCloudtrailAgain, what, vec![facts.command.again(session)], false);
    }
    let released = facts.shares.iter().filter(|share| share.purpose == SharePurpose::Open).count();
    if facts.window.enabled.is_none() && released > 0 && !facts.session.drill {
        let shares = if released == 1 { "1 share was".into() } else { format!("{released} shares were") };
        let what = format!("rotate the credentials: {shares} given, and a given share counts as released");
        add(FollowUpId::ReleasedShares, what, none(), false);
    }
    if !facts.session.drill && !facts.is_drill_current {
        add(
            FollowUpId::HoldDrill,
            "hold a drill: no complete, signed drill in the last 92 days".into(),
            none(),
            false,
        );
    }
    let signed = facts.reviews.iter().any(|review| review.evidence == Evidence::Signature);
    add(
        FollowUpId::SignReview,
        format!("sign this review{vault}"),
        vec![facts.command.sign(session)],
        signed,
    );
    all
}

/// Returns the time for another review if CloudTrail's data is incomplete.
fn query_again(facts: &Facts) -> Option<String> {
    let trail = &facts.cloudtrail;
    if !trail.queried {
        Some("with the calls from CloudTrail".into())
    } else if let Some(after) = trail.query_again_after {
        Some(format!("after {}, when CloudTrail has delivered all calls", time_text::utc(after)))
    } else {
        (!trail.complete).then(|| "when CloudTrail can be read completely".into())
    }
}
