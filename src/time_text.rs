//! Instants and durations as people read them. Machine output (JSON, the ledger, file names) keeps its exact form.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `2026-11-22 02:47:00 UTC (03:47 local)`; without the date if that is today's, by this machine's clock.
pub fn instant(at: Timestamp) -> String {
    seen(at, Timestamp::now())
}

fn seen(at: Timestamp, now: Timestamp) -> String {
    let local = at.to_zoned(TimeZone::system());
    let utc = if date(at) == date(now) { clock(at) } else { utc(at) };
    format!("{utc} UTC ({} local)", local.strftime("%H:%M"))
}

/// `2026-11-22 02:47:00`, for a column or a page that says `UTC` once.
pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `02:47:00` of UTC, where the date is known.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// `2026-11-22`, in UTC.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `1 h 30 min`, `12 min 4 s`, `0 s`; parts of a second are dropped.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if parts.is_empty() { "0 s".into() } else { parts.join(" ") }
}

/// `29:41`, `1:29:41`; parts of a second count as a whole one.
pub fn countdown(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_day_has_its_date() {
        let at: Timestamp = "2026-11-22T02:47:00Z".parse().expect("an instant");
        let seen = |now: &str| seen(at, now.parse().expect("an instant"));
        assert!(seen("2026-11-22T23:00:00Z").starts_with("02:47:00 UTC ("));
        assert!(seen("2026-11-21T23:00:00Z").starts_with("2026-11-22 02:47:00 UTC ("));
    }

    #[test]
    fn a_duration_names_its_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (724, "12 min 4 s"),
            (5400, "1 h 30 min"),
            (3601, "1 h 1 s"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
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
