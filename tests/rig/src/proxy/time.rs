//! Formats times for signatures and for HTTP.

use crate::aws::utc;
use std::time::{SystemTime, UNIX_EPOCH};

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns this machine's time in seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("this machine's clock should be after 1970")
        .as_secs()
        .cast_signed()
}

/// Formats a time as in `X-Amz-Date`: `20261122T021700Z`.
pub(super) fn basic(seconds: i64) -> String {
    utc(seconds).replace(['-', ':'], "")
}

/// Parses a time in the format of [`basic`].
pub(super) fn from_basic(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    // Years in this computation start in March, so a leap day is the last day of a year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Formats a time as in HTTP: `Sun, 22 Nov 2026 02:17:00 GMT` (RFC 9110 §5.6.7).
pub(super) fn http(seconds: i64) -> String {
    let text = utc(seconds);
    let weekday = usize::try_from(seconds.div_euclid(86_400).rem_euclid(7))
        .expect("a weekday's number should be small");
    let month = text[5..7].parse::<usize>().expect("the text should contain the month's number") - 1;
    let (year, day, time) = (&text[..4], &text[8..10], &text[11..19]);
    format!("{}, {day} {} {year} {time} GMT", WEEKDAYS[weekday], MONTHS[month])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_same_instant_in_every_format() {
        for (seconds, amz, date) in [
            (1_795_313_820, "20261122T021700Z", "Sun, 22 Nov 2026 02:17:00 GMT"),
            (1_709_164_799, "20240228T235959Z", "Wed, 28 Feb 2024 23:59:59 GMT"),
            (1_709_164_800, "20240229T000000Z", "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_767_225_600, "20260101T000000Z", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ] {
            assert_eq!(basic(seconds), amz);
            assert_eq!(from_basic(amz), Some(seconds));
            assert_eq!(http(seconds), date);
        }
        assert_eq!(from_basic("yesterday"), None);
    }
}
