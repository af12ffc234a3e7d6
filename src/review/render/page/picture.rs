//! Draws the session as a picture. Time runs from left to right. Each kind of event has a row, and marks with
//! different meanings have different shapes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use maud::{Markup, html};

use crate::review::facts::approvals::{ApprovalFact, SignatureCheck, verified};
use crate::review::facts::calls::{ApiCall, CallPurpose, count};
use crate::review::facts::notifications::AlertFact;
use crate::review::packet::Packet;
use crate::review::render::text::shown;
use crate::review::wording::{length, span};
use crate::time_text;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 34.0;
const ROW: f64 = 34.0;
/// The largest number of grid lines on the time axis.
const MARKS: i64 = 8;

/// Maps points in time to positions in the picture.
struct Scale {
    from: f64,
    until: f64,
}

/// One mark in a row of the picture. A browser shows the mark's title as a tooltip.
struct Mark {
    at: Timestamp,
    shape: Shape,
    title: String,
}

#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Shape {
    /// A full dot means yes.
    Dot,
    /// A ring means no.
    Ring,
    /// A line stands for a call.
    Tick,
    /// A slanted line stands for a call that AWS refused.
    Refused,
    /// A cross stands for a call outside the window.
    Cross,
}

struct Row {
    name: &'static str,
    bar: Option<(&'static str, Timestamp, Timestamp)>,
    marks: Vec<Mark>,
    /// The text beside the marks or the bar of the row.
    note: String,
}

pub(super) fn draw(packet: &Packet) -> Markup {
    let (scale, rows) = (Scale::of(packet), rows(packet));
    #[allow(clippy::cast_precision_loss, reason = "a handful of rows")]
    let height = TOP + ROW * rows.len() as f64 + 18.0;
    html! {
        svg role="img" aria-labelledby="picture-title picture-desc" viewBox={ "0 0 " (WIDTH) " " (height) }
            xmlns="http://www.w3.org/2000/svg" {
            title id="picture-title" { "Session " (packet.session.id) " from approvals to close" }
            desc id="picture-desc" { (words(packet)) }
            @for at in scale.marks() {
                @let x = scale.x(from_whole(at));
                line.grid x1=(x) x2=(x) y1=(TOP - 6.0) y2=(height - 14.0) {}
                text.axis x=(x) y=(TOP - 14.0) text-anchor="middle" { (scale.label(at)) }
            }
            @for (row, y) in rows.iter().zip((0_u8..).map(|n| TOP + ROW * f64::from(n) + ROW / 2.0)) {
                (draw_row(row, y, &scale))
            }
            @for (name, at) in [("T0", packet.window.from), ("T1", packet.window.until)] { @if let Some(at) = at {
                @let x = scale.x(second(at));
                line.bound x1=(x) x2=(x) y1=(TOP) y2=(height - 14.0) {}
                text x=(x) y=(height - 2.0) text-anchor="middle" { (name) }
            } }
        }
    }
}

fn draw_row(row: &Row, y: f64, scale: &Scale) -> Markup {
    html! {
        line.row x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
        text x="0" y=(y + 4.0) { (row.name) }
        @if let Some((class, from, until)) = row.bar {
            @let (x1, x2) = (scale.x(second(from)), scale.x(second(until)));
            rect class=(class) x=(x1) y=(y - 9.0) width=((x2 - x1).max(2.0)) height="18" rx="2" {}
        }
        @for (x, shape, title) in thinned(row, scale) { (draw_mark(x, y, shape, &title)) }
        (draw_note(row, y, scale))
    }
}

/// Draws a row's note to the right of the marks, or to the left if the right side has no space.
fn draw_note(row: &Row, y: f64, scale: &Scale) -> Markup {
    let bar = row.bar.into_iter().flat_map(|(_, from, until)| [from, until]);
    let places = row.marks.iter().map(|mark| mark.at).chain(bar).map(|at| scale.x(second(at)));
    let (first, last) = places.fold((WIDTH, LEFT), |(first, last), x| (first.min(x), last.max(x)));
    let is_right = last < WIDTH - RIGHT - 190.0;
    let (x, anchor) = if is_right { (last + 14.0, "start") } else { (first - 14.0, "end") };
    html! {
        @if row.bar.is_some() && !is_right {
            text x=(first + 10.0) y=(y + 4.0) { (shown(&row.note)) }
        } @else if is_right || first > LEFT + 190.0 {
            text.note x=(x) y=(y + 4.0) text-anchor=(anchor) { (shown(&row.note)) }
        }
    }
}

fn draw_mark(x: f64, y: f64, shape: Shape, title: &str) -> Markup {
    let line = |class: &str, d: String| html! { path class=(class) d=(d) { title { (title) } } };
    match shape {
        Shape::Dot => html! { circle.dot cx=(x) cy=(y) r="6" { title { (title) } } },
        Shape::Ring => html! { circle.hollow cx=(x) cy=(y) r="8" { title { (title) } } },
        Shape::Tick => line("tick", format!("M{x:.1} {:.1}V{:.1}", y - 8.0, y + 8.0)),
        Shape::Refused => {
            line("refused", format!("M{:.1} {:.1}L{:.1} {:.1}", x - 4.0, y + 8.0, x + 4.0, y - 8.0))
        }
        Shape::Cross => {
            let (left, right, top, bottom) = (x - 6.0, x + 6.0, y - 6.0, y + 6.0);
            let (down, up) = (
                format!("M{left:.1} {top:.1}L{right:.1} {bottom:.1}"),
                format!("M{left:.1} {bottom:.1}L{right:.1} {top:.1}"),
            );
            line("cross", down + &up)
        }
    }
}

/// Merges marks of the same shape at the same position into one mark. The title of the new mark has the number of
/// merged marks.
fn thinned(row: &Row, scale: &Scale) -> Vec<(f64, Shape, String)> {
    let mut seen: Vec<(f64, Shape, String, usize)> = Vec::new();
    for mark in &row.marks {
        let x = (scale.x(second(mark.at)) * 2.0).round() / 2.0;
        match seen.iter_mut().rev().find(|(at, shape, ..)| (*at - x).abs() < 0.25 && *shape == mark.shape) {
            Some((.., count)) => *count += 1,
            None => seen.push((x, mark.shape, shown(&mark.title), 1)),
        }
    }
    let title = |title, count| if count == 1 { title } else { format!("{title}, and {} more", count - 1) };
    seen.into_iter().map(|(x, shape, first, count)| (x, shape, title(first, count))).collect()
}

fn rows(packet: &Packet) -> Vec<Row> {
    let window = &packet.window;
    let plain = |name, marks, note| Row { name, bar: None, marks, note };
    let acknowledged = packet.alerts.iter().filter(|alert| alert.acknowledged.is_some()).count();
    let mut rows = vec![
        plain(
            "Approved",
            approved(packet),
            format!("{} with a valid signature", custodians(verified(&packet.approvals).len())),
        ),
        plain("Alerts", alerts(packet), format!("{acknowledged} of {} acknowledged", packet.alerts.len())),
        Row {
            name: "Window, T0 to T1",
            bar: window.from.zip(window.until).map(|(from, until)| ("window", from, until)),
            marks: Vec::new(),
            note: length(window.requested_seconds.try_into().unwrap_or(i64::MAX)),
        },
        Row {
            name: "Enabled",
            bar: window.enabled.map(|enabled| ("enabled", enabled.from, enabled.until)),
            marks: Vec::new(),
            note: window.enabled.as_ref().map_or("never".into(), span),
        },
    ];
    if packet.cloudtrail.queried {
        let row = |name, is: &dyn Fn(&ApiCall) -> bool| {
            let marks: Vec<_> = packet.calls.iter().filter(|call| is(call)).map(mark).collect();
            let note = marks.len().to_string();
            plain(name, marks, note)
        };
        let is_gates = |call: &ApiCall| matches!(call.kind, CallPurpose::Gate | CallPurpose::Probe);
        rows.push(row("Gate calls", &|call| call.is_inside() && is_gates(call)));
        rows.push(row("Work calls", &|call| call.is_inside() && !is_gates(call)));
        rows.push(row("Calls outside", &ApiCall::is_outside));
    }
    rows
}

fn custodians(count: usize) -> String {
    if count == 1 { "1 custodian".into() } else { format!("{count} custodians") }
}

fn approved(packet: &Packet) -> Vec<Mark> {
    let mark = |approval: &ApprovalFact| Mark {
        at: approval.at,
        shape: if approval.signature == SignatureCheck::Verified { Shape::Dot } else { Shape::Ring },
        title: format!(
            "{} approved, {}: {}",
            approval.custodian,
            time_text::utc(approval.at),
            approval.signature.words()
        ),
    };
    packet.approvals.iter().map(mark).collect()
}

fn alerts(packet: &Packet) -> Vec<Mark> {
    let mark = |alert: &AlertFact| match alert.acknowledged {
        Some(at) => Mark {
            at,
            shape: Shape::Dot,
            title: format!("{} acknowledged, {}", alert.channel, time_text::utc(at)),
        },
        None => Mark {
            at: alert.sent,
            shape: Shape::Ring,
            title: format!("{} did not acknowledge, {}", alert.channel, time_text::utc(alert.sent)),
        },
    };
    packet.alerts.iter().map(mark).collect()
}

fn mark(call: &ApiCall) -> Mark {
    let shape = if call.is_outside() {
        Shape::Cross
    } else if call.is_refused() {
        Shape::Refused
    } else {
        Shape::Tick
    };
    let code = call.error.as_deref().map(|code| format!(", {code}")).unwrap_or_default();
    Mark { at: call.at, shape, title: format!("{}, {}{code}", call.event_name, time_text::utc(call.at)) }
}

/// Explains the shapes of the marks, and states how many calls are outside the time range of the picture.
pub(super) fn caption(packet: &Packet) -> Markup {
    let scale = Scale::of(packet);
    let beyond = count(&packet.calls, |call| call.is_outside() && !scale.holds(call.at));
    html! {
        span { "● yes" } span { "○ no: not acknowledged, or no valid signature" }
        @if packet.cloudtrail.queried {
            span { "| a call" } span { "/ a call that AWS refused" } span { "× a call outside the window" }
        } @else { "CloudTrail was not queried: no calls are shown." }
        @if beyond > 0 { b { (beyond) " of the calls × are outside the time range, and drawn at the edge" } }
    }
}

/// Describes the picture in words, for a reader who cannot see the picture.
fn words(packet: &Packet) -> String {
    let of = |name: &str, at: Option<Timestamp>| {
        at.map(|at| format!("{name} {}. ", time_text::utc(at))).unwrap_or_default()
    };
    let window = &packet.window;
    let enabled =
        window.enabled.as_ref().map_or("Never enabled. ".into(), |of| format!("Enabled {}. ", span(of)));
    let calls = count(&packet.calls, ApiCall::is_outside);
    format!(
        "{}{}{}{}{enabled}{} approvals, {} alerts, {} calls, {calls} of them outside the window.",
        of("Intended", Some(window.intended)),
        of("T0", window.from),
        of("T1", window.until),
        of("Closed", window.closed),
        packet.approvals.len(),
        packet.alerts.len(),
        packet.calls.len(),
    )
}

impl Scale {
    /// Returns a scale that covers all recorded events of the session and T1, with a margin on both sides.
    fn of(packet: &Packet) -> Self {
        let window = &packet.window;
        let before = packet.approvals.iter().map(|a| a.at).chain(packet.alerts.iter().map(|t| t.sent));
        let fixed = [Some(window.intended), window.from, window.until, window.opened, window.closed];
        let all: Vec<_> = before.chain(fixed.into_iter().flatten()).map(second).collect();
        let from = all.iter().copied().fold(f64::INFINITY, f64::min);
        let until = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = ((until - from) * 0.03).max(1.0);
        Self { from: from - room, until: until + room }
    }

    fn holds(&self, at: Timestamp) -> bool {
        (self.from..=self.until).contains(&second(at))
    }

    /// Returns the horizontal position of a point in time. A point outside the time range is moved to the edge.
    fn x(&self, at: f64) -> f64 {
        let part = (at - self.from) / (self.until - self.from);
        let x = LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
        (x * 10.0).round() / 10.0
    }

    /// Returns the positions of the grid lines, as round times in seconds since 1970.
    fn marks(&self) -> BTreeSet<i64> {
        const STEPS: [i64; 14] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
        #[allow(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        let (from, until) = (self.from.ceil() as i64, self.until.floor() as i64);
        let fits = |step: &&i64| (until - from) / **step < MARKS;
        let step = STEPS.iter().find(fits).copied().unwrap_or((until - from) / MARKS + 1);
        let first = from.div_euclid(step) * step;
        (first..=until).step_by(usize::try_from(step).unwrap_or(1)).filter(|at| *at >= from).collect()
    }

    fn label(&self, at: i64) -> String {
        let length = if self.until - self.from < 600.0 { "00:00:00".len() } else { "00:00".len() };
        Timestamp::from_second(at).map(|at| time_text::clock(at)[..length].to_owned()).unwrap_or_default()
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
fn second(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
fn from_whole(at: i64) -> f64 {
    at as f64
}
