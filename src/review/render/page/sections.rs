//! The page's sections: one table each.

use jiff::Timestamp;
use maud::{Markup, html};

use super::markup::{clock, facts, head, section, tag, when, words_of};
use crate::review::facts::approvals::SignatureCheck;
use crate::review::facts::evidence::Evidence;
use crate::review::packet::Packet;
use crate::review::wording::{about, instant, span};

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
