//! What has to be done after a use.

use serde::Serialize;

use super::findings::{Finding, FindingId};
use crate::ledger::SharePurpose;
use crate::review::facts::Facts;
use crate::review::facts::evidence::Evidence;
use crate::review::wording::instant;

/// Something that has to be done after a use.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FollowUp {
    /// Which, for machines.
    pub id: FollowUpId,
    /// What, in words.
    pub what: String,
    /// It shows that it was done; where nothing can show that, a person signs for it.
    pub done: bool,
}

/// The tasks after a session; their names in the JSON do not change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words of each stand where it is made")]
pub enum FollowUpId {
    Close,
    Account,
    Refused,
    Rotate,
    Reseal,
    Effects,
    AskAgain,
    Shares,
    Drill,
    Sign,
}

pub(in crate::review) fn of(facts: &Facts, findings: &[Finding]) -> Vec<FollowUp> {
    let mut all = Vec::new();
    let mut add = |id, what: String, done| all.push(FollowUp { id, what, done });
    let has = |id: FindingId| findings.iter().any(|finding| finding.id == id);
    if has(FindingId::NotClosed) {
        add(FollowUpId::Close, "prove that it is shut: breakglass status, breakglass close".into(), false);
    }
    if has(FindingId::CallsOutside) || has(FindingId::CallsUnexpected) {
        add(FollowUpId::Account, "say what each marked call was, and who made it".into(), false);
    }
    if has(FindingId::CallsRefused) {
        add(FollowUpId::Refused, "say what each refused call was meant to do".into(), false);
    }
    if !facts.session.drill {
        let epoch = facts.vault.credentials_epoch;
        let rotated = facts.vault.given.is_some_and(|(_, credentials)| credentials > epoch);
        add(
            FollowUpId::Rotate,
            format!("make new credentials, for those of epoch {epoch} count as spent"),
            rotated,
        );
        let resealed = facts.vault.given.is_some_and(|(epoch, _)| epoch > facts.vault.epoch);
        add(
            FollowUpId::Reseal,
            "seal the new credentials, and take the old file out of use".into(),
            resealed && rotated,
        );
    }
    let live = facts.window.enabled.or(facts.window.enabled_by_aws).is_some();
    let did_work = live && !facts.session.drill;
    if did_work {
        let what = "look at what was changed in the window and stays: users, keys, roles, policies, data";
        add(FollowUpId::Effects, what.into(), false);
    }
    if !facts.cloudtrail.asked
        || facts.cloudtrail.again_after.is_some()
        || has(FindingId::CloudtrailIncomplete)
    {
        let when = facts.cloudtrail.again_after.map(|at| format!(" after {}", instant(at)));
        let when = when.unwrap_or_default();
        add(
            FollowUpId::AskAgain,
            format!("make this packet again{when}, with --profile NAME, when CloudTrail has everything"),
            false,
        );
    }
    let released = facts.shares.iter().filter(|share| share.to == SharePurpose::Open).count();
    if facts.window.enabled.is_none() && released > 0 && !facts.session.drill {
        let what = format!("{released} shares were given and stay shares until rotation");
        add(FollowUpId::Shares, what, false);
    }
    if !facts.session.drill && !facts.is_practised {
        add(
            FollowUpId::Drill,
            "hold a drill: no whole one of the last quarter is on record, signed".into(),
            false,
        );
    }
    let signed = facts.reviews.iter().any(|review| review.evidence == Evidence::Signature);
    add(FollowUpId::Sign, "sign this review: breakglass review SESSION --vault FILE --sign".into(), signed);
    all
}
