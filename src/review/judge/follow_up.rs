//! What has to be done after a use.

use serde::Serialize;

use super::findings::instant;
use crate::ledger::SharePurpose;
use crate::review::facts::evidence::Evidence;
use crate::review::packet::Packet;

/// Something that has to be done after a use.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FollowUp {
    /// Which, for machines.
    pub id: &'static str,
    /// What, in words.
    pub what: String,
    /// It shows that it was done; where nothing can show that, a person signs for it.
    pub done: bool,
}

pub(in crate::review) fn of(packet: &Packet, is_practised: bool) -> Vec<FollowUp> {
    let mut all = Vec::new();
    let mut add = |id, what: String, done| all.push(FollowUp { id, what, done });
    let has = |id: &str| packet.findings.iter().any(|finding| finding.id == id);
    if has("not_closed") {
        add("close", "prove that it is shut: breakglass status, breakglass close".into(), false);
    }
    if has("calls_outside") || has("calls_unexpected") {
        add("account", "say what each marked call was, and who made it".into(), false);
    }
    if has("calls_refused") {
        add("refused", "say what each refused call was meant to do".into(), false);
    }
    if !packet.session.drill {
        let epoch = packet.vault.credentials_epoch;
        let rotated = packet.vault.given.is_some_and(|(_, credentials)| credentials > epoch);
        add("rotate", format!("make new credentials, for those of epoch {epoch} count as spent"), rotated);
        let resealed = packet.vault.given.is_some_and(|(epoch, _)| epoch > packet.vault.epoch);
        add(
            "reseal",
            "seal the new credentials, and take the old file out of use".into(),
            resealed && rotated,
        );
    }
    let live = packet.window.enabled.or(packet.window.enabled_by_aws).is_some();
    let did_work = live && !packet.session.drill;
    if did_work {
        let what = "look at what was changed in the window and stays: users, keys, roles, policies, data";
        add("effects", what.into(), false);
    }
    if !packet.cloudtrail.asked || packet.cloudtrail.again_after.is_some() || has("cloudtrail_incomplete") {
        let when = packet.cloudtrail.again_after.map(|at| format!(" after {}", instant(at)));
        let when = when.unwrap_or_default();
        add(
            "ask_again",
            format!("make this packet again{when}, with --profile NAME, when CloudTrail has everything"),
            false,
        );
    }
    let released = packet.shares.iter().filter(|share| share.to == SharePurpose::Open).count();
    if packet.window.enabled.is_none() && released > 0 && !packet.session.drill {
        let what = format!("{released} shares were given and stay shares until rotation");
        add("shares", what, false);
    }
    if !packet.session.drill && !is_practised {
        add("drill", "hold a drill: no whole one of the last quarter is on record, signed".into(), false);
    }
    let signed = packet.reviews.iter().any(|review| review.evidence == Evidence::Signature);
    add("sign", "sign this review: breakglass review SESSION --vault FILE --sign".into(), signed);
    all
}
