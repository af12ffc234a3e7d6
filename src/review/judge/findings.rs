//! The findings of a review, except the findings about calls.

use jiff::Timestamp;

use super::call_findings;
use super::finding::{Finding, FindingId, Severity};
use crate::custody::statement::network::endpoints_text;
use crate::ledger::AlertTopic;
use crate::review::facts::Facts;
use crate::review::facts::approvals::{SignatureCheck, verified};
use crate::review::facts::cloudtrail::HISTORY;
use crate::review::facts::notifications::AlertFact;
use crate::review::facts::window::EndedBy;
use crate::review::wording::{length, topic};
use crate::time_text;
use crate::vault::manifest::Lane;

/// Returns the findings, the most severe first.
pub(in crate::review) fn of(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    approvals(facts, &mut all);
    alerts(facts, &mut all);
    exceptions(facts, &mut all);
    window(facts, &mut all);
    cloudtrail(facts, &mut all);
    all.extend(call_findings::of(&facts.calls));
    for wrong in facts.ledgers.iter().filter_map(|ledger| ledger.error.clone()) {
        add(&mut all, FindingId::LedgerBroken, wrong);
    }
    drill(facts, &mut all);
    all.sort_by_key(|finding| finding.severity);
    all
}

fn add(all: &mut Vec<Finding>, id: FindingId, what: String) {
    all.push(Finding { id, severity: severity(id), what });
}

/// Returns the usual severity of a finding. The facts of a session can give some findings another severity.
fn severity(id: FindingId) -> Severity {
    use FindingId as Id;
    match id {
        Id::LedgerBroken
        | Id::DrillFailed
        | Id::DrillNotSigned
        | Id::SignatureNotValid
        | Id::TooFewApprovals
        | Id::NoAlertAcknowledged
        | Id::CloseNotProven
        | Id::EnabledOutsideWindow
        | Id::OtherWindow
        | Id::OpeningNotInCloudtrail
        | Id::OpeningNotInLedger
        | Id::CloseNotInCloudtrail
        | Id::CallsOutsideWindow
        | Id::CallsUnexpected
        | Id::CallsOfAnotherSession => Severity::Problem,
        Id::OtherVaultFile
        | Id::SignaturesNotChecked
        | Id::OpenedWithoutAlert
        | Id::CustomEndpoint
        | Id::CredentialsUsedAgain
        | Id::OpenedWithExtraKey
        | Id::OlderEpochOpened
        | Id::AlertNotSent
        | Id::AlertNotAcknowledged
        | Id::CloseNotProbed
        | Id::OpeningNotConfirmed
        | Id::PrincipalsUnknown
        | Id::CloudtrailNotQueried
        | Id::CloudtrailIncomplete
        | Id::SessionOlderThanCloudtrail
        | Id::CallsRefused
        | Id::CallsWithoutSessionId => Severity::Explain,
        Id::DrillNotComplete | Id::CloudtrailQueriedTooEarly => Severity::Note,
    }
}

fn drill(facts: &Facts, all: &mut Vec<Finding>) {
    let Some(drill) = &facts.drill else { return };
    if !drill.passed {
        add(all, FindingId::DrillFailed, "the drill failed".into());
    }
    if drill.signature == SignatureCheck::NotValid {
        let what =
            "no custodian's token signed the drill's result, or the signature is for a different result";
        add(all, FindingId::DrillNotSigned, what.into());
    }
    if drill.passed && drill.signature == SignatureCheck::Verified && drill.complete == Some(false) {
        let what = "the drill passed, but does not count as a complete drill: a complete drill needs valid approvals by \
                    a quorum, opens access, and proves that access is closed";
        add(all, FindingId::DrillNotComplete, what.into());
    }
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
            "no signature was checked, because the review was made without --vault".into(),
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
    // If the vault contains alert channels, an acknowledgement over a channel of the operator's machine does not count.
    let has_sealed = !facts.vault.channels.is_empty() || facts.alerts.iter().any(|alert| alert.sealed);
    let first = |alert: &AlertFact| {
        let is_first =
            alert.topic == AlertTopic::Opening && alert.acknowledged.is_some() && alert.before_opening;
        is_first && (alert.sealed || !has_sealed)
    };
    let is_opened = facts.window.enabled.or(facts.window.enabled_by_aws).is_some();
    if !facts.alerts.iter().any(first) {
        match (is_opened, &facts.session.no_alert) {
            (true, None) => {
                let what = "no alert was acknowledged before access was opened";
                add(all, FindingId::NoAlertAcknowledged, what.into());
            }
            (true, Some(_)) => {
                let what =
                    "no alert was acknowledged before access was opened, and the custodians signed a reason";
                all.push(Finding {
                    id: FindingId::NoAlertAcknowledged,
                    severity: Severity::Explain,
                    what: what.into(),
                });
            }
            (false, _) => {
                let what = "no alert about the opening was acknowledged, and access was not opened";
                all.push(Finding {
                    id: FindingId::NoAlertAcknowledged,
                    severity: Severity::Note,
                    what: what.into(),
                });
            }
        }
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
        let what = format!("{} did not acknowledge {}: {}", alert.channel, topic(alert.topic), alert.detail);
        // Another channel acknowledged the same alert, so a person was notified.
        let is_covered =
            facts.alerts.iter().any(|other| other.topic == alert.topic && other.acknowledged.is_some());
        let severity = if is_covered { Severity::Note } else { Severity::Explain };
        all.push(Finding { id: FindingId::AlertNotAcknowledged, severity, what });
    }
}

/// Adds a finding for each exception that the custodians signed, for example the option `--no-alert`.
fn exceptions(facts: &Facts, all: &mut Vec<Finding>) {
    let session = &facts.session;
    let signed = [
        (
            FindingId::OpenedWithoutAlert,
            "access was opened without waiting for an acknowledgement (--no-alert)",
            &session.no_alert,
        ),
        (FindingId::CredentialsUsedAgain, "spent credentials were used again (--again)", &session.again),
        (
            FindingId::OpenedWithExtraKey,
            "the emergency user had another access key (--extra-key)",
            &session.extra_key,
        ),
        (
            FindingId::OlderEpochOpened,
            "the vault was opened although a later epoch had replaced it (--older-epoch)",
            &session.older_epoch,
        ),
    ];
    for (id, what, why) in signed {
        if let Some(why) = why {
            add(all, id, format!("{what}: {why}"));
        }
    }
    if !session.endpoints.is_empty() {
        let places = endpoints_text(&session.endpoints);
        add(all, FindingId::CustomEndpoint, format!("a custom AWS endpoint was used: {places}"));
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
        let what =
            "CloudTrail was not queried, because the review was made without --profile: no calls are known"
                .into();
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
