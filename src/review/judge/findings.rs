//! What has to be accounted for, and what has to be done; each said plainly, none left out because it is usual.

use jiff::Timestamp;
use serde::Serialize;

use crate::ledger::AlertTopic;
use crate::review::facts::Facts;
use crate::review::facts::approvals::{SignatureCheck, verified};
use crate::review::facts::calls::{ApiCall, CallPurpose, count};
use crate::review::facts::cloudtrail::HISTORY;
use crate::review::facts::notifications::NotificationFact;
use crate::review::facts::window::EndedBy;
use crate::review::wording::{NAMES, about, instant};
use crate::vault::manifest::Lane;

/// Something that a reviewer has to account for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Which kind, for machines.
    pub id: FindingId,
    /// What, in words.
    pub what: String,
}

/// The kinds of finding; their names in the JSON do not change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words of each stand where it is made")]
pub enum FindingId {
    LedgerBroken,
    DrillFailed,
    DrillNotSigned,
    SignatureNotValid,
    AnotherFile,
    SignaturesNotChecked,
    TooFewApprovals,
    #[serde(rename = "nobody_told")]
    NoAlertAcknowledged,
    NoAlert,
    Endpoint,
    Again,
    #[serde(rename = "not_told")]
    ChannelNotAlerted,
    NotAcknowledged,
    NotClosed,
    NotProbed,
    NotSeenOpen,
    NotWithin,
    AnotherWindow,
    NotInCloudtrail,
    NotOnRecord,
    CloseNotInCloudtrail,
    PrincipalsUnknown,
    CloudtrailNotAsked,
    CloudtrailIncomplete,
    CloudtrailEarly,
    CloudtrailPast,
    CallsOutside,
    CallsUnexpected,
    CallsRefused,
}

pub(in crate::review) fn of(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    approvals(facts, &mut all);
    told(facts, &mut all);
    window(facts, &mut all);
    cloudtrail(facts, &mut all);
    calls(facts, &mut all);
    for wrong in facts.ledgers.iter().filter_map(|ledger| ledger.broken.clone()) {
        add(&mut all, FindingId::LedgerBroken, wrong);
    }
    if facts.drill.as_ref().is_some_and(|drill| !drill.passed) {
        add(&mut all, FindingId::DrillFailed, "the drill did not pass".into());
    }
    if facts.drill.as_ref().is_some_and(|drill| drill.signature == SignatureCheck::NotValid) {
        let what = "no custodian's token has signed how the drill went, or another one than is on record";
        add(&mut all, FindingId::DrillNotSigned, what.into());
    }
    all
}

fn add(all: &mut Vec<Finding>, id: FindingId, what: String) {
    all.push(Finding { id, what });
}

fn approvals(facts: &Facts, all: &mut Vec<Finding>) {
    for approval in facts.approvals.iter().filter(|a| a.signature == SignatureCheck::NotValid) {
        let why = approval.why.as_deref().unwrap_or_default();
        let what = format!("{}: the approval's signature is not valid: {why}", approval.custodian);
        add(all, FindingId::SignatureNotValid, what);
    }
    if facts.vault.is_the_file == Some(false) {
        let what = "the vault that was given is not the very file that was opened: how many custodians that took is not known";
        add(all, FindingId::AnotherFile, what.into());
    }
    let Some(threshold) = facts.vault.threshold.map(usize::from) else {
        return add(
            all,
            FindingId::SignaturesNotChecked,
            "no signature was checked: the vault was not given (--vault FILE)".into(),
        );
    };
    let verified = verified(&facts.approvals);
    if verified.len() < threshold {
        let count = verified.len();
        add(
            all,
            FindingId::TooFewApprovals,
            format!("{count} valid approvals are on record, and the vault takes {threshold} custodians"),
        );
    }
}

fn told(facts: &Facts, all: &mut Vec<Finding>) {
    // Where the vault has channels, those of the operator's own machine are not enough.
    let has_sealed = !facts.vault.channels.is_empty() || facts.told.iter().any(|told| told.sealed);
    let first = |told: &NotificationFact| {
        let is_first =
            told.about == AlertTopic::Opening && told.acknowledged.is_some() && told.before_opening;
        is_first && (told.sealed || !has_sealed)
    };
    if !facts.told.iter().any(first) {
        add(
            all,
            FindingId::NoAlertAcknowledged,
            "nobody had acknowledged the alert when access was opened".into(),
        );
    }
    if let Some(why) = &facts.session.no_alert {
        add(
            all,
            FindingId::NoAlert,
            format!("it was opened without waiting for an acknowledgement, because: {why}"),
        );
    }
    if let Some(place) = &facts.session.endpoint {
        add(
            all,
            FindingId::Endpoint,
            format!("AWS was taken to be elsewhere than at its own addresses: {place}"),
        );
    }
    if let Some(why) = &facts.session.again {
        add(
            all,
            FindingId::Again,
            format!("credentials that were spent were opened once more, because: {why}"),
        );
    }
    for name in &facts.vault.channels {
        let is_it = |told: &NotificationFact| {
            told.sealed && told.channel == *name && told.about == AlertTopic::Opening
        };
        if facts.window.from.is_some() && !facts.told.iter().any(is_it) {
            add(
                all,
                FindingId::ChannelNotAlerted,
                format!("{name}: it is not on record that it was told before access was opened"),
            );
        }
    }
    for told in facts.told.iter().filter(|told| told.acknowledged.is_none()) {
        let about = about(told.about);
        let what = format!("{} did not acknowledge {about}: {}", told.channel, told.detail);
        add(all, FindingId::NotAcknowledged, what);
    }
}

fn window(facts: &Facts, all: &mut Vec<Finding>) {
    let window = &facts.window;
    let is_over = window.until.is_none_or(|until| until <= facts.made);
    if window.enabling.is_none() && window.until.is_some() && window.closed.is_none() {
        let what = "it is not on record whether it was opened, nor that it is shut";
        add(all, FindingId::NotClosed, what.into());
    } else if window.enabling.is_some() && window.closed.is_none() {
        let what = match (is_over, facts.session.lane) {
            (true, Lane::Static) => "nobody has seen AWS refuse the role's session; its time is over",
            (true, Lane::Gate) => "its end has passed, but nobody has proven that it is shut",
            (false, _) => "access may still be open",
        };
        add(all, FindingId::NotClosed, what.into());
    } else if window.probed == Some(false) && window.enabling.is_some() {
        add(all, FindingId::NotProbed, "that it is shut was read back from IAM, and not probed".into());
    }
    if window.enabling.is_some() && window.opened.is_none() {
        let what = "it is not on record whether AWS let the key in; access may have been there all the same";
        add(all, FindingId::NotSeenOpen, what.into());
    }
    if window.within == Some(false) {
        add(all, FindingId::NotWithin, "access was not enabled between T0 and T1 only".into());
    }
    let own = window.from.zip(window.until).map(|(from, until)| until.duration_since(from).as_secs());
    let asked = i64::try_from(window.asked_seconds).unwrap_or(i64::MAX);
    if let Some(own) = own.filter(|own| *own != asked) {
        add(
            all,
            FindingId::AnotherWindow,
            format!("from T0 to T1 it is {own} s, and {asked} s were intended"),
        );
    }
    by_aws(facts, all);
}

/// Where AWS's record and ours contradict each other.
fn by_aws(facts: &Facts, all: &mut Vec<Finding>) {
    let window = &facts.window;
    if !facts.cloudtrail.asked || facts.session.lane == Lane::Static {
        return;
    }
    match (window.enabled, window.enabled_by_aws) {
        (Some(_), None) if facts.cloudtrail.complete => {
            let what = "it is on record that access was enabled, and CloudTrail does not show it";
            add(all, FindingId::NotInCloudtrail, what.into());
        }
        (None, Some(_)) => {
            let what = "CloudTrail shows that access was enabled, and it is not on record here";
            add(all, FindingId::NotOnRecord, what.into());
        }
        (Some(ours), Some(aws))
            if facts.cloudtrail.complete
                && ours.ended_by == EndedBy::Close
                && aws.ended_by != EndedBy::Close =>
        {
            let what =
                "it is on record that it was closed, and CloudTrail shows nobody who attached the deny";
            add(all, FindingId::CloseNotInCloudtrail, what.into());
        }
        _ => {}
    }
}

fn cloudtrail(facts: &Facts, all: &mut Vec<Finding>) {
    let trail = &facts.cloudtrail;
    if facts.session.principals.emergency.is_empty() {
        let what = "whose calls are to be reviewed is not on record: no access key is named";
        add(all, FindingId::PrincipalsUnknown, what.into());
    }
    if !trail.asked {
        let what = "CloudTrail was not asked (--profile NAME): no call is known".into();
        return add(all, FindingId::CloudtrailNotAsked, what);
    }
    for region in &trail.regions {
        if let Some(why) = &region.error {
            let what = format!("CloudTrail in {} did not tell everything: {why}", region.region);
            add(all, FindingId::CloudtrailIncomplete, what);
        }
    }
    if let Some(after) = trail.again_after {
        let what = format!("CloudTrail may not have had every call yet: ask again after {}", instant(after));
        add(all, FindingId::CloudtrailEarly, what);
    }
    let is_past = |from: Timestamp| facts.made.duration_since(from) > HISTORY;
    if trail.from.is_some_and(is_past) {
        let what = "CloudTrail's event history goes back 90 days, and this session is older".into();
        add(all, FindingId::CloudtrailPast, what);
    }
}

fn calls(facts: &Facts, all: &mut Vec<Finding>) {
    for (principal, who) in NAMES {
        let outside = count(&facts.calls, |call| call.principal == principal && call.is_outside());
        if outside > 0 {
            let what = format!("{} of {who} outside of its time", calls_of(outside));
            add(all, FindingId::CallsOutside, what);
        }
        let unexpected = |call: &ApiCall| {
            call.principal == principal && call.kind == CallPurpose::Unexpected && call.is_own()
        };
        let unexpected = count(&facts.calls, unexpected);
        if unexpected > 0 {
            let what = format!("{} of {who} that it has no need of", calls_of(unexpected));
            add(all, FindingId::CallsUnexpected, what);
        }
    }
    let refused = count(&facts.calls, |call| call.is_refused() && call.is_own());
    if refused > 0 {
        add(all, FindingId::CallsRefused, format!("{} within its time refused by AWS", calls_of(refused)));
    }
}

fn calls_of(count: usize) -> String {
    if count == 1 { "1 call".into() } else { format!("{count} calls") }
}
