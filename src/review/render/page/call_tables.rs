//! The section of the page that lists every call from CloudTrail.

use maud::{Markup, html};

use super::markup::{head, section, when, words_of};
use crate::review::facts::calls::{ApiCall, CallAnswer, CallPurpose, CallTiming, CallerKind};
use crate::review::facts::carried_id::CarriedId;
use crate::review::packet::Packet;
use crate::review::totals::{CallTotals, IdTotals};
use crate::review::wording::{NAMES, calls_of, service};
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
            @if !packet.calls.is_empty() { (totals(packet)) (ids(packet)) (every_call(packet)) }
        },
    )
}

fn query(packet: &Packet) -> Markup {
    let trail = &packet.cloudtrail;
    let Some(((at, from), until)) = trail.at.zip(trail.from).zip(trail.until) else {
        return html! { p { b { "CloudTrail was not queried." } " To query CloudTrail, pass --profile to the review." } };
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
                b { (words_of(&region.region)) } ": " (calls_of(region.calls)) " of this session or its user"
                @if let Some(why) = &region.error { " " span class="tag bad" { "incomplete" } " " (words_of(why)) }
                ". "
            }
        }
    }
}

fn totals(packet: &Packet) -> Markup {
    let numbers = ["Calls", "In the window", "Outside", "Other session", "Unexpected", "Refused"];
    let cells = |of: CallTotals| {
        let CallTotals { all, inside, outside, other_session, unexpected, refused } = of;
        html! {
            @for number in [all, inside, outside, other_session, unexpected, refused] { td.number { (number) } }
        }
    };
    html! {
        table.totals {
            caption { "By caller" }
            thead { tr { th scope="col" { "Caller" } @for name in numbers { th.number scope="col" { (name) } } } }
            tbody {
                @for (principal, name) in NAMES {
                    @let totals = CallTotals::of(&packet.calls, |call| call.principal == principal);
                    @if totals.all > 0 {
                        tr.marked[totals.outside > 0] { th scope="row" { (name) } (cells(totals)) }
                    }
                }
                tr { th scope="row" { "all" } (cells(CallTotals::of(&packet.calls, |_| true))) }
            }
        }
    }
}

/// Shows how many calls in the window contain which session id.
fn ids(packet: &Packet) -> Markup {
    let IdTotals { this, other, missing, not_expected } = IdTotals::of(&packet.calls);
    let rows = [
        ("this session's id", this, false),
        ("the id of another session", other, other > 0),
        ("no session id", missing, missing > 0),
        ("no session id expected: by others, or by an AWS service", not_expected, false),
    ];
    html! {
        table.totals.ids {
            caption { "Calls in the window, by session id" }
            thead { tr { th scope="col" { "Session id" } th.number scope="col" { "Calls" } } }
            tbody { @for (name, number, is_marked) in rows { tr.marked[is_marked] {
                th scope="row" { (name) } td.number { (number) }
            } } }
        }
    }
}

fn every_call(packet: &Packet) -> Markup {
    html! {
        div.wide { table.calls {
            caption {
                "Each call. A call is marked if it is outside the window. A call in the window is marked if it is "
                "unexpected or refused, or if it does not carry this session's id"
            }
            (head(&["When", "Caller", "Call", "Region", "For", "In the window", "Session id", "Result", "From"]))
            tbody { @for call in &packet.calls { tr.marked[is_marked(call)] {
                (when(call.at))
                td { (name_of(call)) }
                th scope="row" { (words_of(&service(call))) }
                td.short { (words_of(&call.region)) }
                td { @if call.kind == CallPurpose::Unexpected { span class="tag bad" { "unexpected" } } @else { (purpose(call)) } }
                td { (timing(call)) }
                td { (carried_id(call)) }
                td { (result(call)) }
                td.short { (words_of(call.source_address.as_deref().unwrap_or("—"))) }
            } } }
        } }
    }
}

fn is_marked(call: &ApiCall) -> bool {
    let is_unexpected = call.kind == CallPurpose::Unexpected || call.is_refused();
    call.is_outside() || (call.is_inside() && is_unexpected) || call.has_other_id() || call.lacks_id()
}

fn carried_id(call: &ApiCall) -> Markup {
    match (call.carried_id, call.carried_session) {
        (CarriedId::This, _) => html! { "this" },
        (CarriedId::Other, Some(session)) => {
            html! { span class=(if call.has_other_id() { "tag bad" } else { "tag" }) { "other" } " " span.mono { (session) } }
        }
        (CarriedId::Other | CarriedId::Missing, _) => html! { "none" },
        (CarriedId::NotExpected, _) => html! { "—" },
    }
}

fn result(call: &ApiCall) -> Markup {
    let code = words_of(call.error.as_deref().unwrap_or_default());
    match call.answer {
        CallAnswer::Accepted => html! { "ok" },
        CallAnswer::ExpectedError => html! { (code) ", expected" },
        CallAnswer::Refused => html! { span class="tag bad" { "refused" } " " (code) },
    }
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
