//! Formats points in time and durations for people. All other modules use these functions to show times.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Formats `at` for a person at this machine: `2026-11-22 02:47:00 UTC (03:47 local)`. If `at` is today, the text has
/// no date.
pub fn local(at: Timestamp) -> String {
    seen(at, Timestamp::now())
}

fn seen(at: Timestamp, now: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    let instant = if date(at) == date(now) { clock(at) } else { column(at) };
    format!("{instant} UTC ({} local)", local.strftime("%H:%M"))
}

/// Formats `at` in UTC, for readers in any time zone: `2026-11-22 02:47:00 UTC`.
pub fn utc(at: Timestamp) -> String {
    format!("{} UTC", column(at))
}

/// Formats `at` in UTC for a table whose heading states the time zone: `2026-11-22 02:47:00`.
pub fn column(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats only the time of day in UTC, for a reader who knows the date: `02:47:00`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Formats the date of `at` in UTC: `2026-11-22`.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Formats `at` in the format that AWS expects, without fractions of a second: `2026-11-22T02:47:00Z`.
pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Formats a duration without fractions of a second: `1 h 30 min`, `12 min 4 s`, `0 s`.
pub fn duration(time: Duration) -> String {
    seconds(time.as_secs())
}

/// Formats a number of seconds in the format of [`duration`].
pub fn seconds(count: u64) -> String {
    let parts = [(count / 3600, "h"), (count / 60 % 60, "min"), (count % 60, "s")];
    let parts: Vec<_> =
        parts.into_iter().filter(|(n, _)| *n != 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}

/// Formats the time left, rounded up to whole seconds: `29:41`, `1:29:41`.
pub fn countdown(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_on_another_day_is_shown_with_its_date() {
        let at: Timestamp = "2026-11-22T02:47:00Z".parse().expect("the test's time should be valid");
        let seen = |now: &str| seen(at, now.parse().expect("the test's time should be valid"));
        assert!(seen("2026-11-22T23:00:00Z").starts_with("02:47:00 UTC ("));
        assert!(seen("2026-11-21T23:00:00Z").starts_with("2026-11-22 02:47:00 UTC ("));
    }

    #[test]
    fn a_duration_names_its_units() {
        for (count, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (724, "12 min 4 s"),
            (5400, "1 h 30 min"),
            (3601, "1 h 1 s"),
        ] {
            assert_eq!(seconds(count), text);
        }
    }

    #[test]
    fn a_countdown_ends_at_zero() {
        let of = |seconds, millis| countdown(Duration::from_secs(seconds) + Duration::from_millis(millis));
        assert_eq!(of(0, 0), "0:00");
        assert_eq!(of(0, 1), "0:01");
        assert_eq!(of(1781, 0), "29:41");
        assert_eq!(of(5381, 0), "1:29:41");
    }
}
