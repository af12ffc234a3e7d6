//! The sections of the page, except the section with the calls.

use jiff::Timestamp;
use maud::{Markup, html};

use super::markup::{facts, head, section, tag, when, words_of};
use crate::ledger::SharePurpose;
use crate::review::facts::approvals::SignatureCheck;
use crate::review::facts::evidence::Evidence;
use crate::review::judge::finding::Severity;
use crate::review::packet::Packet;
use crate::review::wording::{span, topic};
use crate::time_text;

pub(super) fn findings(packet: &Packet) -> Markup {
    let class = |severity| if severity == Severity::Problem { "tag bad" } else { "tag" };
    section(
        "findings",
        "Findings",
        &html! {
            @if packet.findings.is_empty() {
                p { "None." }
            } @else {
                ol.findings { @for finding in &packet.findings { li {
                    span class=(class(finding.severity)) { (finding.severity.name()) } " " (words_of(&finding.what))
                } } }
            }
        },
    )
}

pub(super) fn opened(packet: &Packet) -> Markup {
    let (session, vault) = (&packet.session, &packet.vault);
    let mut rows = vec![
        ("Reason", words_of(&session.reason)),
        ("Lane", html! { (session.lane.words()) }),
        ("Regions", words_of(&session.regions.join(" "))),
        (
            "Vault",
            html! {
                @if let Some(label) = &vault.label { b { (words_of(label)) } " " }
                "id " span.mono { (words_of(&vault.id)) }
            },
        ),
        ("Epoch", html! { (vault.epoch) ", credentials epoch " (vault.credentials_epoch) }),
        (
            "Vault SHA-256",
            html! {
                span.mono { (words_of(&vault.sha256)) }
                @if let Some(words) = &vault.words { br; "in words: " (words) }
            },
        ),
    ];
    let more = [
        ("Reason to use again", &session.again),
        ("Reason for no alert", &session.no_alert),
        ("Reason for another key", &session.extra_key),
        ("Reason for an older epoch", &session.older_epoch),
    ];
    rows.extend(more.into_iter().filter_map(|(name, why)| Some((name, words_of(why.as_deref()?)))));
    if let Some(of) = &vault.drill_of {
        rows.push(("Drill for vault", html! { span.mono { (words_of(of)) } }));
    }
    if let Some(drill) = &packet.drill {
        let injected = if drill.injected.is_empty() { "none".into() } else { drill.injected.join(", ") };
        let signature = format!("; signature {}", drill.signature.words());
        rows.push((
            "The drill",
            html! {
                @if drill.passed { "passed" } @else { b { "FAILED" } }
                @if let Some(complete) = drill.complete { @if complete { ", complete" } @else { ", not complete" } }
                (signature)
            },
        ));
        rows.push(("Injected failures", words_of(&injected)));
    }
    rows.extend(packet.ledgers.iter().map(|ledger| {
        (
            "Ledger",
            html! {
                (words_of(&ledger.path)) ": " (ledger.records) " records, "
                @if let Some(why) = &ledger.error {
                    span class="tag bad" { "the chain is NOT intact" } " " (words_of(why))
                } @else { "chain intact" }
                br; "last record: " span.mono { (ledger.sha256) } br; "in words: " (ledger.words)
            },
        )
    }));
    section("opened", "What was opened", &facts(&rows))
}

pub(super) fn approvals(packet: &Packet) -> Markup {
    let signature = |signature: SignatureCheck| {
        html! {
            @if signature == SignatureCheck::Verified { "verified" }
            @else if signature == SignatureCheck::NotChecked { (signature.words()) }
            @else { span class="tag bad" { (signature.words()) } }
        }
    };
    section(
        "approvals",
        "Who approved",
        &html! {
            @if packet.approvals.is_empty() { p { "No approval is on record." } } @else {
                table.approvals {
                    (head(&["When", "Custodian", "Signature", "YubiKey", "Evidence"]))
                    tbody { @for approval in &packet.approvals { tr {
                        (when(approval.at))
                        th scope="row" { (words_of(&approval.custodian)) }
                        td { (signature(approval.signature)) @if let Some(why) = &approval.why { ": " (words_of(why)) } }
                        td { @if let Some(serial) = approval.serial { (serial) } @else { "—" } }
                        td { (tag(approval.evidence)) }
                    } } }
                }
            }
            @if !packet.shares.is_empty() {
                p { "Shares given: "
                    @for (place, share) in packet.shares.iter().enumerate() {
                        @if place > 0 { ", " } (words_of(&share.custodian)) " at " (time_text::clock(share.at))
                        @if share.purpose == SharePurpose::Close { " (to close)" }
                    }
                    " " (tag(Evidence::Reported))
                }
            }
            @for review in &packet.reviews {
                p {
                    "Reviewed by " b { (words_of(&review.custodian)) } " " (time_text::utc(review.at)) ", signature "
                    (signature(review.signature)) " " (tag(review.evidence))
                    @if let Some((name, digest)) = review.packet.as_ref().zip(review.packet_sha256.as_ref()) {
                        br; "packet " span.mono { (words_of(name)) } ", SHA-256 " span.mono { (digest) }
                    }
                }
            }
        },
    )
}

pub(super) fn alerts(packet: &Packet) -> Markup {
    section(
        "alerts",
        "Who was notified",
        &html! {
            @if packet.alerts.is_empty() { p { "No alert is on record." } } @else {
                table.alerts {
                    (head(&["Sent", "Channel", "About", "Acknowledged", "The receiver's id, or why not", "Evidence"]))
                    tbody { @for alert in &packet.alerts { tr.marked[alert.acknowledged.is_none()] {
                        (when(alert.sent))
                        th scope="row" { (words_of(&alert.channel)) @if !alert.sealed { " (of this machine)" } }
                        td { (topic(alert.topic)) }
                        td.when { @if let Some(at) = alert.acknowledged { (time_text::clock(at)) } @else { "NOT acknowledged" } }
                        td { (words_of(&alert.detail)) }
                        td { (tag(alert.evidence)) }
                    } } }
                }
            }
        },
    )
}

pub(super) fn window(packet: &Packet) -> Markup {
    let window = &packet.window;
    let span = |of: &Option<crate::review::facts::window::EnabledSpan>, none: &str, evidence| {
        html! {
            @if let Some(of) = of {
                b { (span(of)) } ", from " (time_text::clock(of.from)) " to " (time_text::clock(of.until))
            } @else {
                (none)
            }
            " " (tag(evidence))
        }
    };
    let by_aws =
        if packet.cloudtrail.queried { "CloudTrail does not show it" } else { "CloudTrail was not queried" };
    let grant = packet
        .session
        .grant_sha256
        .as_deref()
        .unwrap_or("not known, because the vault file that was opened was not given");
    section(
        "window",
        "The window",
        &facts(&[
            ("T0", instant(window.from)),
            ("T1", instant(window.until)),
            ("Enabled at", instant(window.enabling)),
            ("AWS accepted the key", instant(window.opened)),
            ("Closed", closed(packet)),
            ("Enabled, by the ledger", span(&window.enabled, "never", Evidence::Reported)),
            ("Enabled, by CloudTrail", span(&window.enabled_by_aws, by_aws, Evidence::Aws)),
            ("Grant as sealed, SHA-256", html! { span.mono { (words_of(grant)) } }),
            (
                "Gate policy as AWS received it",
                html! {
                    @match &window.policy {
                        Some(policy) => { span.mono { (words_of(policy)) } " " (tag(Evidence::Aws)) },
                        None => (by_aws),
                    }
                },
            ),
            ("Within the window", within(window.within_window)),
        ]),
    )
}

fn instant(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { (time_text::utc(at)) } @else { "not on record" } }
}

/// Formats when the window was closed, the proof, and the reason.
fn closed(packet: &Packet) -> Markup {
    let window = &packet.window;
    html! {
        (instant(window.closed))
        @if let Some(probed) = window.probed {
            @if probed { ", proven: AWS refused the key and the session" } @else { ", read from IAM; the emergency key was not tried" }
        }
        @if let Some(cause) = &window.cause { ": " (words_of(cause)) }
    }
}

/// Formats whether CloudTrail shows calls only within the window.
fn within(is_within: Option<bool>) -> Markup {
    html! {
        @match is_within {
            Some(true) => "yes",
            Some(false) => { span class="tag bad" { "NO" } },
            None => "not known",
        }
    }
}

pub(super) fn timeline(packet: &Packet) -> Markup {
    section(
        "timeline",
        "What happened, in order",
        &html! {
            table.timeline {
                (head(&["When", "What", "Evidence"]))
                tbody { @for moment in &packet.timeline { tr {
                    (when(moment.at)) td { (words_of(&moment.what)) } td { (tag(moment.evidence)) }
                } } }
            }
        },
    )
}

pub(super) fn evidence(packet: &Packet) -> Markup {
    let given = packet.vault.file_given.is_some();
    section(
        "evidence",
        "The evidence for each fact",
        &html! {
            table class="facts together" { tbody {
                tr { th scope="row" { (tag(Evidence::Signature)) } td {
                    "A custodian's token signed the statement, and only the custodian can use the token. "
                    @if given { "The public keys are in the vault's manifest; the JSON file has what openssl needs to verify." }
                    @else { "No vault was given, so no signature was checked." }
                } }
                tr { th scope="row" { (tag(Evidence::Aws)) } td {
                    "AWS recorded the call. "
                    "The reviewer fetched the record, and could have left calls out of this file. "
                    "To be sure, fetch the records again."
                } }
                tr { th scope="row" { (tag(Evidence::Reported)) } td {
                    "Only the operator's machine wrote the record, also of an alert's receipt. "
                    "The hash chain reveals if a record was changed later, but not if it was false from the start. "
                    "Compare the six words of the last record with the words in the alerts. "
                    "If a receipt has an id, ask the receiver to confirm the id."
                } }
            } }
        },
    )
}

pub(super) fn follow_up(packet: &Packet) -> Markup {
    html! {
        section aria-labelledby="follow-up" {
            h2 id="follow-up" { "Follow-up" }
            table.sign {
                (head(&["What", "Name", "Date", "Signature"]))
                tbody {
                    @for task in &packet.follow_up { tr {
                        th scope="row" {
                            span.box.done[task.done] {} (words_of(&task.what))
                            @if task.done { " (done, on record)" }
                            @for command in &task.commands { br; span.mono { (words_of(command)) } }
                        }
                        td.line {} td.line {} td.line {}
                    } }
                    @for role in ["Reviewed by", "Approved by"] { tr {
                        th scope="row" { b { (role) } } td.line {} td.line {} td.line {}
                    } }
                }
            }
        }
    }
}
