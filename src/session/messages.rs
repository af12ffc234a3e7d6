//! Phrases that several messages of a run share.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::interrupted;
use crate::window::Cause;

/// Returns `02:47:00 UTC (03:47 local)`, with the date unless it is today's.
pub(crate) fn clock(at: Timestamp) -> String {
    clock_seen(at, Timestamp::now())
}

fn clock_seen(at: Timestamp, now: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let date = if day(at) == day(now) { String::new() } else { day(at) + " " };
    format!("{date}{} UTC ({} local)", at.strftime("%H:%M:%S"), local.strftime("%H:%M"))
}

/// Returns what ended a window, as it is shown, recorded and notified.
pub(crate) fn cause(cause: Cause) -> String {
    match cause {
        Cause::Deadline => "time was up".into(),
        Cause::Signal(signal) => interrupted(signal),
        Cause::ChildEnded => "the command ended".into(),
        Cause::Quit => "closed from the keyboard".into(),
        Cause::Failed => "opening failed".into(),
        Cause::Panicked => "internal error".into(),
        Cause::Asked => "closed by breakglass close".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_another_day_has_its_date() {
        let at: Timestamp = "2026-11-22T02:47:00Z".parse().expect("an instant");
        let seen = |now: &str| clock_seen(at, now.parse().expect("an instant"));
        assert!(seen("2026-11-22T23:00:00Z").starts_with("02:47:00 UTC ("));
        assert!(seen("2026-11-21T23:00:00Z").starts_with("2026-11-22 02:47:00 UTC ("));
    }
}
