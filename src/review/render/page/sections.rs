//! The page's sections: one table each.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{tag, words_of};
use crate::review::facts::approvals::SignatureCheck;
use crate::review::facts::calls::{ApiCall, CallPurpose, CallTiming, Caller};
use crate::review::facts::evidence::Evidence;
use crate::review::judge::findings::{NAMES, instant};
use crate::review::judge::timeline::{about, span};
use crate::review::packet::Packet;

/// A section with its heading.
fn section(id: &str, heading: &str, inside: &Markup) -> Markup {
    html! { section aria-labelledby=(id) { h2 id=(id) { (heading) } (inside) } }
}

/// A table whose rows are a name and a value.
fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        table.facts { tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } } }
    }
}

fn head(names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}

pub(super) fn findings(packet: &Packet) -> Markup {
    section(
        "findings",
        "Findings",
        &html! {
            @if packet.findings.is_empty() {
                p { "None." }
            } @else {
                ol.findings { @for finding in &packet.findings { li { (words_of(&finding.what)) } } }
            }
        },
    )
}

pub(super) fn what(packet: &Packet) -> Markup {
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
        ("Epoch", html! { (vault.epoch) ", credentials of epoch " (vault.credentials_epoch) }),
        (
            "Its SHA-256",
            html! {
                span.mono { (words_of(&vault.sha256)) }
                @if let Some(words) = &vault.words { br; "in words: " (words) }
            },
        ),
    ];
    let more = [("Again, because", &session.again), ("Without an alert, because", &session.no_alert)];
    rows.extend(more.into_iter().filter_map(|(name, why)| Some((name, words_of(why.as_deref()?)))));
    if let Some(of) = &vault.drill_of {
        rows.push(("Drill for vault", html! { span.mono { (words_of(of)) } }));
    }
    if let Some(drill) = &packet.drill {
        let injected = if drill.injected.is_empty() { "nothing".into() } else { drill.injected.join(", ") };
        let signature = format!("; its evidence's signature: {}", drill.signature.words());
        rows.push((
            "The drill",
            html! { @if drill.passed { "passed" } @else { b { "FAILED" } } (signature) },
        ));
        rows.push(("Made to fail", words_of(&injected)));
    }
    rows.extend(packet.ledgers.iter().map(|ledger| {
        (
            "Ledger",
            html! {
                (words_of(&ledger.path)) ": " (ledger.records) " records, "
                @if let Some(why) = &ledger.broken {
                    span class="tag bad" { "the chain does NOT hold" } " " (words_of(why))
                } @else { "the chain holds" }
                br; "its last record: " span.mono { (ledger.sha256) } br; "in words: " (ledger.words)
            },
        )
    }));
    section("what", "What was opened", &facts(&rows))
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
                    (head(&["When", "Custodian", "Signature", "YubiKey", "What it is"]))
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
                        @if place > 0 { ", " } (words_of(&share.custodian)) " at " (clock(share.at))
                    }
                    " " (tag(Evidence::Record))
                }
            }
            @for review in &packet.reviews {
                p {
                    "Reviewed by " b { (words_of(&review.custodian)) } " " (instant(review.at)) ", signature "
                    (signature(review.signature)) " " (tag(review.evidence))
                    @if let Some(digest) = &review.packet_sha256 { br; "packet " span.mono { (digest) } }
                }
            }
        },
    )
}

pub(super) fn told(packet: &Packet) -> Markup {
    section(
        "told",
        "Who was told",
        &html! {
            @if packet.told.is_empty() { p { "It is not on record that anybody was told." } } @else {
                table.told {
                    (head(&["Sent", "Channel", "About", "Acknowledged", "The receiver's own id, or why not", "What it is"]))
                    tbody { @for told in &packet.told { tr.marked[told.acknowledged.is_none()] {
                        (when(told.sent))
                        th scope="row" { (words_of(&told.channel)) @if !told.sealed { " (this machine's)" } }
                        td { (about(told.about)) }
                        td.when { @if let Some(at) = told.acknowledged { (clock(at)) } @else { "NOT acknowledged" } }
                        td { (words_of(&told.detail)) }
                        td { (tag(told.evidence)) }
                    } } }
                }
            }
        },
    )
}

pub(super) fn window(packet: &Packet) -> Markup {
    let window = &packet.window;
    let at =
        |at: Option<Timestamp>| html! { @if let Some(at) = at { (instant(at)) } @else { "not on record" } };
    let span = |of: &Option<crate::review::facts::window::EnabledSpan>, none: &str, evidence| {
        html! {
            @if let Some(of) = of { b { (span(of)) } ", from " (clock(of.from)) " to " (clock(of.until)) } @else { (none) }
            " " (tag(evidence))
        }
    };
    let by_aws =
        if packet.cloudtrail.asked { "CloudTrail does not show it" } else { "CloudTrail was not asked" };
    let grant = packet.session.grant_sha256.as_deref().unwrap_or("not known: the very vault was not given");
    section(
        "window",
        "The window",
        &facts(&[
            ("T0", at(window.from)),
            ("T1", at(window.until)),
            ("Enabled from", at(window.enabling)),
            ("AWS let the key in", at(window.opened)),
            (
                "Closed",
                html! {
                    (at(window.closed))
                    @if let Some(probed) = window.probed {
                        @if probed { ", proven: AWS refused the key and the session" } @else { ", read back, not probed" }
                    }
                    @if let Some(cause) = &window.cause { ": " (words_of(cause)) }
                },
            ),
            ("Enabled, by our record", span(&window.enabled, "never", Evidence::Record)),
            ("Enabled, by AWS's record", span(&window.enabled_by_aws, by_aws, Evidence::Aws)),
            ("Grant as sealed, SHA-256", html! { span.mono { (words_of(grant)) } }),
            (
                "Gate as AWS received it",
                html! {
                    @match &window.policy {
                        Some(policy) => { span.mono { (words_of(policy)) } " " (tag(Evidence::Aws)) },
                        None => (by_aws),
                    }
                },
            ),
            (
                "Between T0 and T1",
                html! {
                    @match window.within {
                        Some(true) => "yes",
                        Some(false) => { span class="tag bad" { "NO" } },
                        None => "not known",
                    }
                },
            ),
        ]),
    )
}

pub(super) fn calls(packet: &Packet) -> Markup {
    section(
        "calls",
        "Every call, from CloudTrail",
        &html! {
            (asked(packet))
            @if packet.cloudtrail.asked && packet.calls.is_empty() {
                p { "CloudTrail shows no call of these principals." }
            }
            @if !packet.calls.is_empty() { (totals(packet)) (every_call(packet)) }
        },
    )
}

fn asked(packet: &Packet) -> Markup {
    let trail = &packet.cloudtrail;
    let Some(((at, from), until)) = trail.at.zip(trail.from).zip(trail.until) else {
        return html! { p { b { "CloudTrail was not asked." } " Ask it with --profile NAME." } };
    };
    html! {
        p {
            "Asked at " (instant(at)) " for calls from " (instant(from)) " to " (instant(until)) ". "
            "CloudTrail is up to 15 minutes late"
            @if let Some(again) = trail.again_after {
                ": " b { "it may not have had every call yet; ask again after " (instant(again)) "." }
            } @else { "; it was asked later than that after the end." }
        }
        p {
            "Its event history shows management calls. Reading and writing of data (objects of S3, items of DynamoDB, "
            "invocations of functions) is only in a trail or data store that records data events."
        }
        p {
            @for region in &trail.regions {
                b { (words_of(&region.region)) } ": " (region.calls) " calls"
                @if let Some(why) = &region.error { " " span class="tag bad" { "incomplete" } " " (words_of(why)) }
                ". "
            }
        }
    }
}

fn totals(packet: &Packet) -> Markup {
    let numbers = ["Calls", "In their time", "Outside", "Unexpected", "Refused", "Other session"];
    html! {
        table.totals {
            caption { "By principal" }
            thead { tr { th scope="col" { "Principal" } @for name in numbers { th.number scope="col" { (name) } } } }
            tbody { @for (principal, name) in NAMES {
                @let count = |is: &dyn Fn(&ApiCall) -> bool| packet.count(|c| c.principal == principal && is(c));
                @if count(&|_| true) > 0 { tr.marked[count(&ApiCall::is_outside) > 0] {
                    th scope="row" { (name) }
                    td.number { (count(&|_| true)) }
                    td.number { (count(&ApiCall::is_own)) }
                    td.number { (count(&ApiCall::is_outside)) }
                    td.number { (count(&|c| c.kind == CallPurpose::Unexpected && c.is_own())) }
                    td.number { (count(&ApiCall::is_refused)) }
                    td.number { (count(&|c| c.place == CallTiming::OtherSession)) }
                } }
            } }
        }
    }
}

fn every_call(packet: &Packet) -> Markup {
    html! {
        div.wide { table.calls {
            caption { "Each call; marked is what was outside of its time, unexpected or refused" }
            (head(&["When", "Principal", "Call", "Region", "For", "In its time", "AWS said", "From"]))
            tbody { @for call in &packet.calls { tr.marked[is_marked(call)] {
                (when(call.at))
                td { (name_of(call)) }
                th scope="row" { (words_of(&service(call))) }
                td.short { (words_of(&call.region)) }
                td { @if call.kind == CallPurpose::Unexpected { span class="tag bad" { "unexpected" } } @else { (purpose(call)) } }
                td { (place(call)) }
                td { @if let Some(code) = &call.error { (words_of(code)) } @else { "done" } }
                td.short { (words_of(call.address.as_deref().unwrap_or("—"))) }
            } } }
        } }
    }
}

fn is_marked(call: &ApiCall) -> bool {
    call.is_outside() || (call.is_own() && (call.kind == CallPurpose::Unexpected || call.is_refused()))
}

fn name_of(call: &ApiCall) -> &'static str {
    match call.principal {
        Caller::Opener => "opener",
        Caller::Closer => "closer",
        Caller::Emergency => "emergency key",
        Caller::Issued => "issued session",
        Caller::User => "unknown key",
        Caller::Somebody => "somebody else",
    }
}

/// `iam PutUserPolicy`.
fn service(call: &ApiCall) -> String {
    format!("{} {}", call.source.strip_suffix(".amazonaws.com").unwrap_or(&call.source), call.name)
}

fn purpose(call: &ApiCall) -> &'static str {
    match call.kind {
        CallPurpose::Gate => "gate",
        CallPurpose::Probe => "probe",
        CallPurpose::Work => "work",
        CallPurpose::Unexpected => "unexpected",
    }
}

fn place(call: &ApiCall) -> Markup {
    match call.place {
        CallTiming::Inside => html! { "yes" },
        CallTiming::Before => html! { span class="tag bad" { "NO: before" } },
        CallTiming::After => html! { span class="tag bad" { "NO: after" } },
        CallTiming::OtherSession => html! {
            "session " @if let Some(session) = call.other_session { span.mono { (session) } }
        },
    }
}

pub(super) fn timeline(packet: &Packet) -> Markup {
    section(
        "timeline",
        "What happened, in order",
        &html! {
            table.timeline {
                (head(&["When", "What", "What it is"]))
                tbody { @for moment in &packet.timeline { tr {
                    (when(moment.at)) td { (words_of(&moment.what)) } td { (tag(moment.evidence)) }
                } } }
            }
        },
    )
}

pub(super) fn worth(packet: &Packet) -> Markup {
    let given = packet.vault.given.is_some();
    section(
        "worth",
        "What is evidence and what is only our record",
        &html! {
            table class="facts whole" { tbody {
                tr { th scope="row" { (tag(Evidence::Signature)) } td {
                    "Signed by a custodian's token, which nobody else can make sign. "
                    @if given { "The keys are those of the vault's manifest; check them with openssl from the JSON file." }
                    @else { "The vault was not given, so no signature was checked." }
                } }
                tr { th scope="row" { (tag(Evidence::Receiver)) } td {
                    "Acknowledged by somebody else's system under its own id. This machine wrote down the id; ask the "
                    "receiver whether it has it."
                } }
                tr { th scope="row" { (tag(Evidence::Aws)) } td {
                    "AWS's own record, fetched with a reviewer's credentials. Whoever fetched it could leave calls out of "
                    "this file; fetch it again to be sure."
                } }
                tr { th scope="row" { (tag(Evidence::Record)) } td {
                    "Written by the operator's machine alone. Its chain shows changes made later, not untruths written at "
                    "the time. Compare the words of its last record with those that were sent with the alerts."
                } }
            } }
        },
    )
}

pub(super) fn follow_up(packet: &Packet) -> Markup {
    html! {
        section aria-labelledby="follow-up" {
            h2 id="follow-up" { "What has to follow" }
            table.sign {
                (head(&["What", "Name", "Date", "Signature"]))
                tbody {
                    @for task in &packet.follow_up { tr {
                        th scope="row" {
                            span.box.done[task.done] {} (words_of(&task.what))
                            @if task.done { " (done, on record)" }
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

fn when(at: Timestamp) -> Markup {
    html! { td.when { (at.strftime("%Y-%m-%d %H:%M:%S").to_string()) } }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}
