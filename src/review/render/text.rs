//! The summary of a packet for the terminal, and the display of untrusted text.

use std::fmt::Write as _;

use crate::review::facts::approvals::{ApprovalFact, SignatureCheck, verified};
use crate::review::facts::evidence::Evidence;
use crate::review::judge::finding::FindingCounts;
use crate::review::packet::Packet;
use crate::review::totals::{CallTotals, IdTotals};
use crate::review::wording::{calls_of, length, span};
use crate::vault::names::is_unseen;

/// How many characters of an untrusted text are shown at most. The JSON has the complete text.
const SHOWN: usize = 2_000;

/// Makes untrusted text safe to show. Replaces control characters, invisible characters, and characters that change the
/// direction of writing with escapes such as `\u{202e}`.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(SHOWN) {
        if is_unseen(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        let _ = write!(out, " … ({} characters)", text.chars().count());
    }
    out
}

/// Returns the summary of a packet for standard output.
pub fn summary(packet: &Packet) -> String {
    let mut out = String::new();
    let session = &packet.session;
    let target = &session.target;
    let what = if session.drill { "drill" } else { "session" };
    let _ = writeln!(out, "{what} {}: user {} in account {}", session.id, target.user, target.account);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<11}{}", shown(value));
    };
    line("reason", &session.reason);
    line("approved", &approved(packet));
    line("alerts", &alerts(packet));
    line("enabled", &enabled(packet));
    line("calls", &calls(packet));
    if packet.cloudtrail.queried {
        line("session id", &session_ids(packet));
    }
    line("findings", &findings(packet).words());
    for finding in &packet.findings {
        line("", &format!("- {}: {}", finding.severity.name(), finding.what));
    }
    let open = packet.follow_up.iter().filter(|task| !task.done);
    line("follow-up", &open.clone().count().to_string());
    for task in open {
        line("", &format!("- {}", task.what));
        for command in &task.commands {
            line("", &format!("    {command}"));
        }
    }
    out
}

pub(in crate::review) fn findings(packet: &Packet) -> FindingCounts {
    FindingCounts::of(packet.findings.iter().map(|finding| finding.severity))
}

pub(in crate::review) fn approved(packet: &Packet) -> String {
    let verified = verified(&packet.approvals);
    let Some(threshold) = packet.vault.threshold else {
        let names: Vec<_> = packet.approvals.iter().map(|approval| approval.custodian.as_str()).collect();
        return format!("{} on record, signatures not checked{}", names.len(), after_colon(&names));
    };
    let is_not_valid = |approval: &&ApprovalFact| approval.signature == SignatureCheck::NotValid;
    let not_valid = packet.approvals.iter().filter(is_not_valid).count();
    let note = if not_valid > 0 { format!("; {not_valid} not valid") } else { String::new() };
    let names = after_colon(&verified);
    format!("{} of {threshold} needed, signatures verified{names}{note}", verified.len())
}

fn after_colon(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

pub(in crate::review) fn alerts(packet: &Packet) -> String {
    let acknowledged = packet.alerts.iter().filter(|alert| alert.acknowledged.is_some()).count();
    let source = Evidence::Reported.words();
    format!("{acknowledged} of {} acknowledged, {source}", packet.alerts.len())
}

pub(in crate::review) fn enabled(packet: &Packet) -> String {
    let requested = length(packet.window.requested_seconds.try_into().unwrap_or(i64::MAX));
    let Some(enabled) = &packet.window.enabled else { return format!("never, of {requested} allowed") };
    let within = match packet.window.within_window {
        Some(true) => "within the window",
        Some(false) => "NOT entirely within the window",
        None => "T0 and T1 not known",
    };
    format!("{} of {requested} allowed, {within}", span(enabled))
}

pub(in crate::review) fn calls(packet: &Packet) -> String {
    if !packet.cloudtrail.queried {
        return "CloudTrail was not queried".into();
    }
    let CallTotals { all, inside, outside, other_session, unexpected, refused } =
        CallTotals::of(&packet.calls, |_| true);
    let note = if packet.cloudtrail.complete { "" } else { "; CloudTrail data is incomplete so far" };
    format!(
        "{}, {inside} in the window, {outside} outside, {other_session} of other sessions; {unexpected} unexpected, \
         {refused} refused{note}",
        calls_of(all)
    )
}

/// Describes which session ids the calls in the window contain.
fn session_ids(packet: &Packet) -> String {
    let IdTotals { this, other, missing, not_expected } = IdTotals::of(&packet.calls);
    format!(
        "in the window, {} with this session's id, {other} with another's, {missing} without; {not_expected} by \
         others or by AWS services",
        calls_of(this)
    )
}
