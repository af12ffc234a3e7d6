//! The timeline: the events of a session in order of time, each with its evidence.

use jiff::Timestamp;
use serde::Serialize;

use crate::ledger::SharePurpose;
use crate::review::facts::Facts;
use crate::review::facts::approvals::SignatureCheck;
use crate::review::facts::calls::{ApiCall, CallPurpose, CallerKind};
use crate::review::facts::evidence::Evidence;
use crate::review::facts::notifications::AlertFact;
use crate::review::wording::topic;

/// One event of a session.
#[derive(Clone, Debug, Serialize)]
pub struct TimelineEntry {
    pub at: Timestamp,
    /// A description of the event.
    pub what: String,
    pub evidence: Evidence,
}

pub(in crate::review) fn of(facts: &Facts) -> Vec<TimelineEntry> {
    let mut all: Vec<TimelineEntry> = Vec::new();
    let record = |at, what: String| TimelineEntry { at, what, evidence: Evidence::Reported };
    all.extend(facts.approvals.iter().map(|approval| TimelineEntry {
        at: approval.at,
        what: match approval.signature {
            SignatureCheck::Verified => {
                let serial = approval.serial.unwrap_or_default();
                format!("{} approved, signed by YubiKey {serial}", approval.custodian)
            }
            other => format!("{} approved, signature {}", approval.custodian, other.words()),
        },
        evidence: approval.evidence,
    }));
    all.extend(facts.shares.iter().map(|share| {
        let purpose = match share.purpose {
            SharePurpose::Open => "to open",
            SharePurpose::Close => "to close",
        };
        record(share.at, format!("{} gave a share {purpose}", share.custodian))
    }));
    all.extend(facts.alerts.iter().map(alert));
    let window = &facts.window;
    all.push(record(window.intended, format!("intended: {}", facts.session.reason)));
    all.extend(window.from.map(|at| record(at, "T0: the window begins".into())));
    all.extend(
        window
            .until
            .map(|at| record(at, "T1: the window ends, and AWS refuses all calls from now on".into())),
    );
    all.extend(window.opened.map(|at| record(at, "opened: AWS accepted the key".into())));
    all.extend(window.closed.map(|at| {
        let how = if window.probed == Some(true) {
            "AWS refuses"
        } else {
            "read from IAM; the emergency key was not tried"
        };
        record(at, format!("closed ({how}): {}", window.cause.as_deref().unwrap_or_default()))
    }));
    all.extend(facts.calls.iter().filter(|call| is_gate_write(call)).map(write));
    all.extend(facts.drill.iter().map(|drill| TimelineEntry {
        at: drill.at,
        what: format!("the drill {}", if drill.passed { "passed" } else { "FAILED" }),
        evidence: drill.evidence,
    }));
    all.extend(facts.reviews.iter().map(|review| TimelineEntry {
        at: review.at,
        what: format!("{} signed a review", review.custodian),
        evidence: review.evidence,
    }));
    all.sort_by_key(|moment| moment.at);
    all
}

fn alert(alert: &AlertFact) -> TimelineEntry {
    let AlertFact { channel, detail, .. } = alert;
    let topic = topic(alert.topic);
    match alert.acknowledged {
        Some(at) => TimelineEntry {
            at,
            what: format!("{channel} acknowledged {topic}: {detail}"),
            evidence: alert.evidence,
        },
        None => TimelineEntry {
            at: alert.sent,
            what: format!("{channel} did not acknowledge {topic}: {detail}"),
            evidence: alert.evidence,
        },
    }
}

fn is_gate_write(call: &ApiCall) -> bool {
    let names = ["PutUserPolicy", "DetachUserPolicy", "AttachUserPolicy", "UpdateAccessKey", "AssumeRole"];
    call.kind == CallPurpose::Gate && names.contains(&call.event_name.as_str())
}

fn write(call: &ApiCall) -> TimelineEntry {
    let refused = call.error.as_deref().map(|code| format!(", refused: {code}")).unwrap_or_default();
    let by = match (call.principal, call.user.as_deref()) {
        (CallerKind::Other, Some(who)) => format!(" from {who}, who is not part of this session"),
        (CallerKind::Other, None) => " from someone who is not part of this session".into(),
        _ => String::new(),
    };
    let what = format!("AWS received {}{by}{refused}", call.event_name);
    TimelineEntry { at: call.at, what, evidence: Evidence::Aws }
}
