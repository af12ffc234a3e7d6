//! The findings of a review: facts that the reviewer must explain. Usual findings are reported, too.

use jiff::Timestamp;
use serde::Serialize;

use crate::custody::statement::network::endpoints_text;
use crate::ledger::AlertTopic;
use crate::review::facts::Facts;
use crate::review::facts::approvals::{SignatureCheck, verified};
use crate::review::facts::calls::{ApiCall, CallPurpose, count};
use crate::review::facts::cloudtrail::HISTORY;
use crate::review::facts::notifications::AlertFact;
use crate::review::facts::window::EndedBy;
use crate::review::wording::{NAMES, length, topic};
use crate::time_text;
use crate::vault::manifest::Lane;

/// A fact that a reviewer must explain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    pub id: FindingId,
    /// A description of the finding, for the reviewer.
    pub what: String,
}

/// The kinds of findings. The names of the kinds in the JSON do not change in later versions.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingId {
    LedgerBroken,
    DrillFailed,
    DrillNotSigned,
    SignatureNotValid,
    OtherVaultFile,
    SignaturesNotChecked,
    TooFewApprovals,
    NoAlertAcknowledged,
    OpenedWithoutAlert,
    CustomEndpoint,
    CredentialsUsedAgain,
    AlertNotSent,
    AlertNotAcknowledged,
    CloseNotProven,
    CloseNotProbed,
    OpeningNotConfirmed,
    EnabledOutsideWindow,
    OtherWindow,
    OpeningNotInCloudtrail,
    OpeningNotInLedger,
    CloseNotInCloudtrail,
    PrincipalsUnknown,
    CloudtrailNotQueried,
    CloudtrailIncomplete,
    CloudtrailQueriedTooEarly,
    SessionOlderThanCloudtrail,
    CallsOutsideWindow,
    CallsUnexpected,
    CallsRefused,
}

pub(in crate::review) fn of(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    approvals(facts, &mut all);
    alerts(facts, &mut all);
    window(facts, &mut all);
    cloudtrail(facts, &mut all);
    calls(facts, &mut all);
    for wrong in facts.ledgers.iter().filter_map(|ledger| ledger.error.clone()) {
        add(&mut all, FindingId::LedgerBroken, wrong);
    }
    if facts.drill.as_ref().is_some_and(|drill| !drill.passed) {
        add(&mut all, FindingId::DrillFailed, "the drill failed".into());
    }
    if facts.drill.as_ref().is_some_and(|drill| drill.signature == SignatureCheck::NotValid) {
        let what =
            "no custodian's token signed the drill's result, or the signature is for a different result";
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
    if facts.vault.file_matches == Some(false) {
        let what = "the given vault is not the file that was opened, so the number of needed custodians is not known";
        add(all, FindingId::OtherVaultFile, what.into());
    }
    let Some(threshold) = facts.vault.threshold.map(usize::from) else {
        return add(
            all,
            FindingId::SignaturesNotChecked,
            "no signature was checked: no vault was given (--vault FILE)".into(),
        );
    };
    let verified = verified(&facts.approvals);
    if verified.len() < threshold {
        let count = verified.len();
        add(
            all,
            FindingId::TooFewApprovals,
            format!("{count} valid approvals are on record, but the vault needs {threshold}"),
        );
    }
}

fn alerts(facts: &Facts, all: &mut Vec<Finding>) {
    // If the vault has sealed channels, an acknowledgement from a channel of the operator's machine does not count.
    let has_sealed = !facts.vault.channels.is_empty() || facts.alerts.iter().any(|alert| alert.sealed);
    let first = |alert: &AlertFact| {
        let is_first =
            alert.topic == AlertTopic::Opening && alert.acknowledged.is_some() && alert.before_opening;
        is_first && (alert.sealed || !has_sealed)
    };
    if !facts.alerts.iter().any(first) {
        add(all, FindingId::NoAlertAcknowledged, "no alert was acknowledged before access was opened".into());
    }
    if let Some(why) = &facts.session.no_alert {
        add(
            all,
            FindingId::OpenedWithoutAlert,
            format!("access was opened without waiting for an acknowledgement (--no-alert): {why}"),
        );
    }
    if !facts.session.endpoints.is_empty() {
        let places = endpoints_text(&facts.session.endpoints);
        add(all, FindingId::CustomEndpoint, format!("a custom AWS endpoint was used: {places}"));
    }
    if let Some(why) = &facts.session.again {
        add(
            all,
            FindingId::CredentialsUsedAgain,
            format!("spent credentials were used again (--again): {why}"),
        );
    }
    for name in &facts.vault.channels {
        let is_it =
            |alert: &AlertFact| alert.sealed && alert.channel == *name && alert.topic == AlertTopic::Opening;
        if facts.window.from.is_some() && !facts.alerts.iter().any(is_it) {
            add(
                all,
                FindingId::AlertNotSent,
                format!(
                    "{name}: the ledger has no alert that was sent to this channel before access was opened"
                ),
            );
        }
    }
    for alert in facts.alerts.iter().filter(|alert| alert.acknowledged.is_none()) {
        let topic = topic(alert.topic);
        let what = format!("{} did not acknowledge {topic}: {}", alert.channel, alert.detail);
        add(all, FindingId::AlertNotAcknowledged, what);
    }
}

fn window(facts: &Facts, all: &mut Vec<Finding>) {
    let window = &facts.window;
    let is_over = window.until.is_none_or(|until| until <= facts.created);
    if window.enabling.is_none() && window.until.is_some() && window.closed.is_none() {
        let what = "the ledger does not show whether access was opened, or whether access is closed";
        add(all, FindingId::CloseNotProven, what.into());
    } else if window.enabling.is_some() && window.closed.is_none() {
        let what = match (is_over, facts.session.lane) {
            (true, Lane::Static) => {
                "the role session has expired, but no refused call proves that AWS has ended it"
            }
            (true, Lane::Gate) => "the window has ended, but there is no proof that access is closed",
            (false, _) => "access may still be open",
        };
        add(all, FindingId::CloseNotProven, what.into());
    } else if window.probed == Some(false) && window.enabling.is_some() {
        add(
            all,
            FindingId::CloseNotProbed,
            "IAM showed that access was closed, but the emergency key was not tried".into(),
        );
    }
    if window.enabling.is_some() && window.opened.is_none() {
        let what = "the ledger does not show whether AWS accepted the key; access may have been open";
        add(all, FindingId::OpeningNotConfirmed, what.into());
    }
    if window.within_window == Some(false) {
        add(all, FindingId::EnabledOutsideWindow, "access was enabled outside the window".into());
    }
    let actual = window.from.zip(window.until).map(|(from, until)| until.duration_since(from).as_secs());
    let requested = i64::try_from(window.requested_seconds).unwrap_or(i64::MAX);
    if let Some(actual) = actual.filter(|actual| *actual != requested) {
        let what = format!(
            "the window lasts {}, but the requested duration was {}",
            length(actual),
            length(requested)
        );
        add(all, FindingId::OtherWindow, what);
    }
    contradictions(facts, all);
}

/// Adds a finding if CloudTrail and the ledger contradict each other.
fn contradictions(facts: &Facts, all: &mut Vec<Finding>) {
    let window = &facts.window;
    if !facts.cloudtrail.queried || facts.session.lane == Lane::Static {
        return;
    }
    match (window.enabled, window.enabled_by_aws) {
        (Some(_), None) if facts.cloudtrail.complete => {
            let what = "the ledger shows that access was enabled, but CloudTrail does not show it";
            add(all, FindingId::OpeningNotInCloudtrail, what.into());
        }
        (None, Some(_)) => {
            let what = "CloudTrail shows that access was enabled, but the ledger does not show it";
            add(all, FindingId::OpeningNotInLedger, what.into());
        }
        (Some(ours), Some(aws))
            if facts.cloudtrail.complete
                && ours.ended_by == EndedBy::Close
                && aws.ended_by != EndedBy::Close =>
        {
            let what = "the ledger shows that access was closed, but CloudTrail has no call that attached AWSDenyAll";
            add(all, FindingId::CloseNotInCloudtrail, what.into());
        }
        _ => {}
    }
}

fn cloudtrail(facts: &Facts, all: &mut Vec<Finding>) {
    let trail = &facts.cloudtrail;
    if facts.session.principals.emergency.is_empty() {
        let what = "the ledger has no access key ids, so the calls of this session cannot be found";
        add(all, FindingId::PrincipalsUnknown, what.into());
    }
    if !trail.queried {
        let what = "CloudTrail was not queried (--profile NAME): no calls are known".into();
        return add(all, FindingId::CloudtrailNotQueried, what);
    }
    for region in &trail.regions {
        if let Some(why) = &region.error {
            let what = format!("CloudTrail data for {} is incomplete: {why}", region.region);
            add(all, FindingId::CloudtrailIncomplete, what);
        }
    }
    if let Some(after) = trail.query_again_after {
        let what =
            format!("CloudTrail data may be incomplete so far: query again after {}", time_text::utc(after));
        add(all, FindingId::CloudtrailQueriedTooEarly, what);
    }
    let is_past = |from: Timestamp| facts.created.duration_since(from) > HISTORY;
    if trail.from.is_some_and(is_past) {
        let what = "the session is older than CloudTrail's event history of 90 days".into();
        add(all, FindingId::SessionOlderThanCloudtrail, what);
    }
}

fn calls(facts: &Facts, all: &mut Vec<Finding>) {
    for (principal, who) in NAMES {
        let outside = count(&facts.calls, |call| call.principal == principal && call.is_outside());
        if outside > 0 {
            let what = format!("{} by {who} outside the window", calls_of(outside));
            add(all, FindingId::CallsOutsideWindow, what);
        }
        let unexpected = |call: &ApiCall| {
            call.principal == principal && call.kind == CallPurpose::Unexpected && call.is_inside()
        };
        let unexpected = count(&facts.calls, unexpected);
        if unexpected > 0 {
            let what = format!("{} by {who} that the program never makes", calls_of(unexpected));
            add(all, FindingId::CallsUnexpected, what);
        }
    }
    let refused = count(&facts.calls, |call| call.is_refused() && call.is_inside());
    if refused > 0 {
        add(all, FindingId::CallsRefused, format!("{} in the window refused by AWS", calls_of(refused)));
    }
}

fn calls_of(count: usize) -> String {
    if count == 1 { "1 call".into() } else { format!("{count} calls") }
}
