//! How the time that is left is printed.

use std::time::Duration;

/// A duration as a countdown shows it: `29:41`, `1:29:41`.
pub fn countdown(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

/// Whole minutes, as a warning says them.
pub fn left(minutes: u64) -> String {
    if minutes == 1 { "1 minute left".into() } else { format!("{minutes} minutes left") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_ends_at_nought() {
        let of = |seconds, millis| countdown(Duration::from_secs(seconds) + Duration::from_millis(millis));
        assert_eq!(of(0, 0), "0:00");
        assert_eq!(of(0, 1), "0:01");
        assert_eq!(of(1781, 0), "29:41");
        assert_eq!(of(5381, 0), "1:29:41");
    }
}
