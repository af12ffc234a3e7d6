//! The section of the page that has every call from CloudTrail.

use maud::{Markup, html};

use super::markup::{head, section, when, words_of};
use crate::review::facts::calls::{ApiCall, CallPurpose, CallTiming, Caller, count};
use crate::review::packet::Packet;
use crate::review::wording::{NAMES, instant};

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
                @let count = |is: &dyn Fn(&ApiCall) -> bool| count(&packet.calls, |c| c.principal == principal && is(c));
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
