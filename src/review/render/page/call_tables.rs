//! The section of the page that lists every call from CloudTrail.

use maud::{Markup, html};

use super::markup::{head, section, when, words_of};
use crate::review::facts::calls::{ApiCall, CallPurpose, CallTiming, CallerKind, count};
use crate::review::packet::Packet;
use crate::review::wording::NAMES;
use crate::time_text;

pub(super) fn calls(packet: &Packet) -> Markup {
    section(
        "calls",
        "Every call, from CloudTrail",
        &html! {
            (query(packet))
            @if packet.cloudtrail.queried && packet.calls.is_empty() {
                p { "CloudTrail has no calls of this session." }
            }
            @if !packet.calls.is_empty() { (totals(packet)) (every_call(packet)) }
        },
    )
}

fn query(packet: &Packet) -> Markup {
    let trail = &packet.cloudtrail;
    let Some(((at, from), until)) = trail.at.zip(trail.from).zip(trail.until) else {
        return html! { p { b { "CloudTrail was not queried." } " Query CloudTrail with --profile NAME." } };
    };
    html! {
        p {
            "Queried at " (time_text::utc(at)) " for calls from " (time_text::utc(from))
            " to " (time_text::utc(until)) ". "
            "Events can appear in CloudTrail up to 15 minutes late"
            @if let Some(again) = trail.query_again_after {
                ": " b { "calls may be missing; query again after " (time_text::utc(again)) "." }
            } @else { "; this query was made more than 15 minutes after the session." }
        }
        p {
            "The event history has management events only. "
            "Data events (S3 objects, DynamoDB items, Lambda invocations) are not in the event history. "
            "Data events are only in a trail or an event data store that records data events."
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
    let numbers = ["Calls", "In the window", "Outside", "Unexpected", "Refused", "Other session"];
    html! {
        table.totals {
            caption { "By caller" }
            thead { tr { th scope="col" { "Caller" } @for name in numbers { th.number scope="col" { (name) } } } }
            tbody { @for (principal, name) in NAMES {
                @let count = |is: &dyn Fn(&ApiCall) -> bool| count(&packet.calls, |c| c.principal == principal && is(c));
                @if count(&|_| true) > 0 { tr.marked[count(&ApiCall::is_outside) > 0] {
                    th scope="row" { (name) }
                    td.number { (count(&|_| true)) }
                    td.number { (count(&ApiCall::is_inside)) }
                    td.number { (count(&ApiCall::is_outside)) }
                    td.number { (count(&|c| c.kind == CallPurpose::Unexpected && c.is_inside())) }
                    td.number { (count(&ApiCall::is_refused)) }
                    td.number { (count(&|c| c.when == CallTiming::OtherSession)) }
                } }
            } }
        }
    }
}

fn every_call(packet: &Packet) -> Markup {
    html! {
        div.wide { table.calls {
            caption { "Each call. A call is marked if it is outside the window, unexpected or refused" }
            (head(&["When", "Caller", "Call", "Region", "For", "In the window", "Result", "From"]))
            tbody { @for call in &packet.calls { tr.marked[is_marked(call)] {
                (when(call.at))
                td { (name_of(call)) }
                th scope="row" { (words_of(&service(call))) }
                td.short { (words_of(&call.region)) }
                td { @if call.kind == CallPurpose::Unexpected { span class="tag bad" { "unexpected" } } @else { (purpose(call)) } }
                td { (timing(call)) }
                td { @if let Some(code) = &call.error { (words_of(code)) } @else { "ok" } }
                td.short { (words_of(call.source_address.as_deref().unwrap_or("—"))) }
            } } }
        } }
    }
}

fn is_marked(call: &ApiCall) -> bool {
    call.is_outside() || (call.is_inside() && (call.kind == CallPurpose::Unexpected || call.is_refused()))
}

fn name_of(call: &ApiCall) -> &'static str {
    match call.principal {
        CallerKind::Opener => "opener",
        CallerKind::Closer => "closer",
        CallerKind::Emergency => "emergency key",
        CallerKind::Issued => "issued key",
        CallerKind::UnknownKey => "unknown key",
        CallerKind::Other => "someone else",
    }
}

/// Returns the service and the action of a call, such as `iam PutUserPolicy`.
fn service(call: &ApiCall) -> String {
    format!(
        "{} {}",
        call.event_source.strip_suffix(".amazonaws.com").unwrap_or(&call.event_source),
        call.event_name
    )
}

fn purpose(call: &ApiCall) -> &'static str {
    match call.kind {
        CallPurpose::Gate => "gate",
        CallPurpose::Probe => "probe",
        CallPurpose::Work => "work",
        CallPurpose::Unexpected => "unexpected",
    }
}

fn timing(call: &ApiCall) -> Markup {
    match call.when {
        CallTiming::Inside => html! { "yes" },
        CallTiming::Before => html! { span class="tag bad" { "NO: before" } },
        CallTiming::After => html! { span class="tag bad" { "NO: after" } },
        CallTiming::OtherSession => html! {
            "session " @if let Some(session) = call.other_session { span.mono { (session) } }
        },
    }
}
