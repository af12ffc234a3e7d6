//! The summary of a packet for the terminal, and the display of untrusted text.

use std::fmt::Write as _;

use crate::review::facts::approvals::verified;
use crate::review::facts::calls::{ApiCall, count};
use crate::review::packet::Packet;
use crate::review::wording::{length, span};
use crate::vault::names::is_unseen;

/// The largest number of characters of an untrusted text that are shown. The JSON has the complete text.
const SHOWN: usize = 2_000;

/// Returns a text in which some characters are replaced with escapes such as `\u{202e}`. Control characters,
/// invisible characters, and characters that change the direction of writing are replaced.
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
    line("findings", &packet.findings.len().to_string());
    for finding in &packet.findings {
        line("", &format!("- {}", finding.what));
    }
    let open = packet.follow_up.iter().filter(|task| !task.done);
    line("follow-up", &open.clone().count().to_string());
    for task in open {
        line("", &format!("- {}", task.what));
    }
    out
}

pub(in crate::review) fn approved(packet: &Packet) -> String {
    let count = packet.approvals.len();
    let verified = verified(&packet.approvals).len();
    let names: Vec<_> = packet.approvals.iter().map(|approval| approval.custodian.as_str()).collect();
    let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    match packet.vault.threshold {
        Some(threshold) => format!("{verified} of {threshold} needed, signatures verified{names}"),
        None => format!("{count} on record, signatures not checked{names}"),
    }
}

pub(in crate::review) fn alerts(packet: &Packet) -> String {
    let acknowledged = packet.alerts.iter().filter(|alert| alert.acknowledged.is_some()).count();
    format!("{acknowledged} of {} acknowledged", packet.alerts.len())
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
    let (all, outside) = (packet.calls.len(), count(&packet.calls, ApiCall::is_outside));
    let refused = count(&packet.calls, |call| call.is_refused() && call.is_inside());
    let note = if packet.cloudtrail.complete { "" } else { "; CloudTrail data is incomplete so far" };
    format!("{all}, {outside} of them outside the window, {refused} refused{note}")
}
