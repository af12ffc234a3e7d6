//! What has to be accounted for, and what has to be done; each said plainly, none left out because it is usual.

use jiff::Timestamp;
use serde::Serialize;

use crate::ledger::AlertTopic;
use crate::review::facts::approvals::SignatureCheck;
use crate::review::facts::calls::{CallPurpose, Caller};
use crate::review::facts::cloudtrail::HISTORY;
use crate::review::facts::notifications::NotificationFact;
use crate::review::facts::window::EndedBy;
use crate::review::packet::Packet;
use crate::vault::manifest::Lane;

/// Something that a reviewer has to account for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Which kind, for machines.
    pub id: &'static str,
    /// What, in words.
    pub what: String,
}

pub(in crate::review) fn of(packet: &Packet) -> Vec<Finding> {
    let mut all = Vec::new();
    approvals(packet, &mut all);
    told(packet, &mut all);
    window(packet, &mut all);
    cloudtrail(packet, &mut all);
    calls(packet, &mut all);
    for wrong in packet.ledgers.iter().filter_map(|ledger| ledger.broken.clone()) {
        add(&mut all, "ledger_broken", wrong);
    }
    if packet.drill.as_ref().is_some_and(|drill| !drill.passed) {
        add(&mut all, "drill_failed", "the drill did not pass".into());
    }
    if packet.drill.as_ref().is_some_and(|drill| drill.signature == SignatureCheck::NotValid) {
        let what = "no custodian's token has signed how the drill went, or another one than is on record";
        add(&mut all, "drill_not_signed", what.into());
    }
    all
}

fn add(all: &mut Vec<Finding>, id: &'static str, what: String) {
    all.push(Finding { id, what });
}

fn approvals(packet: &Packet, all: &mut Vec<Finding>) {
    for approval in packet.approvals.iter().filter(|a| a.signature == SignatureCheck::NotValid) {
        let why = approval.why.as_deref().unwrap_or_default();
        let what = format!("{}: the approval's signature is not valid: {why}", approval.custodian);
        add(all, "signature_not_valid", what);
    }
    if packet.vault.is_the_file == Some(false) {
        let what = "the vault that was given is not the very file that was opened: how many custodians that took is not known";
        add(all, "another_file", what.into());
    }
    let Some(threshold) = packet.vault.threshold.map(usize::from) else {
        return add(
            all,
            "signatures_not_checked",
            "no signature was checked: the vault was not given (--vault FILE)".into(),
        );
    };
    let verified = packet.verified();
    if verified.len() < threshold {
        let count = verified.len();
        add(
            all,
            "too_few_approvals",
            format!("{count} valid approvals are on record, and the vault takes {threshold} custodians"),
        );
    }
}

fn told(packet: &Packet, all: &mut Vec<Finding>) {
    // Where the vault has channels, those of the operator's own machine are not enough.
    let has_sealed = !packet.vault.channels.is_empty() || packet.told.iter().any(|told| told.sealed);
    let first = |told: &NotificationFact| {
        let is_first =
            told.about == AlertTopic::Opening && told.acknowledged.is_some() && told.before_opening;
        is_first && (told.sealed || !has_sealed)
    };
    if !packet.told.iter().any(first) {
        add(all, "nobody_told", "nobody had acknowledged the alert when access was opened".into());
    }
    if let Some(why) = &packet.session.no_alert {
        add(all, "no_alert", format!("it was opened without waiting for an acknowledgement, because: {why}"));
    }
    if let Some(place) = &packet.session.endpoint {
        add(all, "endpoint", format!("AWS was taken to be elsewhere than at its own addresses: {place}"));
    }
    if let Some(why) = &packet.session.again {
        add(all, "again", format!("credentials that were spent were opened once more, because: {why}"));
    }
    for name in &packet.vault.channels {
        let is_it = |told: &NotificationFact| {
            told.sealed && told.channel == *name && told.about == AlertTopic::Opening
        };
        if packet.window.from.is_some() && !packet.told.iter().any(is_it) {
            add(
                all,
                "not_told",
                format!("{name}: it is not on record that it was told before access was opened"),
            );
        }
    }
    for told in packet.told.iter().filter(|told| told.acknowledged.is_none()) {
        let about = super::timeline::about(told.about);
        let what = format!("{} did not acknowledge {about}: {}", told.channel, told.detail);
        add(all, "not_acknowledged", what);
    }
}

fn window(packet: &Packet, all: &mut Vec<Finding>) {
    let window = &packet.window;
    let is_over = window.until.is_none_or(|until| until <= packet.made);
    if window.enabling.is_none() && window.until.is_some() && window.closed.is_none() {
        let what = "it is not on record whether it was opened, nor that it is shut";
        add(all, "not_closed", what.into());
    } else if window.enabling.is_some() && window.closed.is_none() {
        let what = match (is_over, packet.session.lane) {
            (true, Lane::Static) => "nobody has seen AWS refuse the role's session; its time is over",
            (true, Lane::Gate) => "its end has passed, but nobody has proven that it is shut",
            (false, _) => "access may still be open",
        };
        add(all, "not_closed", what.into());
    } else if window.probed == Some(false) && window.enabling.is_some() {
        add(all, "not_probed", "that it is shut was read back from IAM, and not probed".into());
    }
    if window.enabling.is_some() && window.opened.is_none() {
        let what = "it is not on record whether AWS let the key in; access may have been there all the same";
        add(all, "not_seen_open", what.into());
    }
    if window.within == Some(false) {
        add(all, "not_within", "access was not enabled between T0 and T1 only".into());
    }
    let own = window.from.zip(window.until).map(|(from, until)| until.duration_since(from).as_secs());
    let asked = i64::try_from(window.asked_seconds).unwrap_or(i64::MAX);
    if let Some(own) = own.filter(|own| *own != asked) {
        add(all, "another_window", format!("from T0 to T1 it is {own} s, and {asked} s were intended"));
    }
    by_aws(packet, all);
}

/// Where AWS's record and ours contradict each other.
fn by_aws(packet: &Packet, all: &mut Vec<Finding>) {
    let window = &packet.window;
    if !packet.cloudtrail.asked || packet.session.lane == Lane::Static {
        return;
    }
    match (window.enabled, window.enabled_by_aws) {
        (Some(_), None) if packet.cloudtrail.complete => {
            let what = "it is on record that access was enabled, and CloudTrail does not show it";
            add(all, "not_in_cloudtrail", what.into());
        }
        (None, Some(_)) => {
            let what = "CloudTrail shows that access was enabled, and it is not on record here";
            add(all, "not_on_record", what.into());
        }
        (Some(ours), Some(aws))
            if packet.cloudtrail.complete
                && ours.ended_by == EndedBy::Close
                && aws.ended_by != EndedBy::Close =>
        {
            let what =
                "it is on record that it was closed, and CloudTrail shows nobody who attached the deny";
            add(all, "close_not_in_cloudtrail", what.into());
        }
        _ => {}
    }
}

fn cloudtrail(packet: &Packet, all: &mut Vec<Finding>) {
    let trail = &packet.cloudtrail;
    if packet.session.principals.emergency.is_empty() {
        let what = "whose calls are to be reviewed is not on record: no access key is named";
        add(all, "principals_unknown", what.into());
    }
    if !trail.asked {
        let what = "CloudTrail was not asked (--profile NAME): no call is known".into();
        return add(all, "cloudtrail_not_asked", what);
    }
    for region in &trail.regions {
        if let Some(why) = &region.error {
            let what = format!("CloudTrail in {} did not tell everything: {why}", region.region);
            add(all, "cloudtrail_incomplete", what);
        }
    }
    if let Some(after) = trail.again_after {
        let what = format!("CloudTrail may not have had every call yet: ask again after {}", instant(after));
        add(all, "cloudtrail_early", what);
    }
    let is_past = |from: Timestamp| packet.made.duration_since(from) > HISTORY;
    if trail.from.is_some_and(is_past) {
        let what = "CloudTrail's event history goes back 90 days, and this session is older".into();
        add(all, "cloudtrail_past", what);
    }
}

fn calls(packet: &Packet, all: &mut Vec<Finding>) {
    for (principal, who) in NAMES {
        let outside = packet.count(|call| call.principal == principal && call.is_outside());
        if outside > 0 {
            let what = format!("{} of {who} outside of its time", calls_of(outside));
            add(all, "calls_outside", what);
        }
        let unexpected = |call: &crate::review::ApiCall| {
            call.principal == principal && call.kind == CallPurpose::Unexpected && call.is_own()
        };
        let unexpected = packet.count(unexpected);
        if unexpected > 0 {
            let what = format!("{} of {who} that it has no need of", calls_of(unexpected));
            add(all, "calls_unexpected", what);
        }
    }
    let refused = packet.count(|call| call.is_refused() && call.is_own());
    if refused > 0 {
        add(all, "calls_refused", format!("{} within its time refused by AWS", calls_of(refused)));
    }
}

/// Every principal and what people call it.
pub(in crate::review) const NAMES: [(Caller, &str); 6] = [
    (Caller::Opener, "the opener"),
    (Caller::Closer, "the closer"),
    (Caller::Emergency, "the emergency user's own key"),
    (Caller::Issued, "the issued session"),
    (Caller::User, "the emergency user with a key unknown to this session"),
    (Caller::Somebody, "somebody else, who changed the emergency user,"),
];

fn calls_of(count: usize) -> String {
    if count == 1 { "1 call".into() } else { format!("{count} calls") }
}

/// `2026-11-22 02:17:00 UTC`.
pub(in crate::review) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
