//! The boot-time clock: it goes on while the machine sleeps, and nobody can set it.

use std::ops::Add;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A point on the boot-time clock.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Instant(Duration);

impl Instant {
    /// The time since the machine started, suspend included.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanos))
    }

    /// This long after the start of the machine.
    pub fn since_boot(time: Duration) -> Self {
        Self(time)
    }

    /// How long after `earlier`; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

/// A duration as a countdown shows it: `29:41`, `1:29:41`.
pub fn countdown(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// Whole minutes, as a warning says them.
pub fn left(minutes: u64) -> String {
    if minutes == 1 {
        "1 minute left".into()
    } else {
        format!("{minutes} minutes left")
    }
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

    #[test]
    fn the_clock_goes_forward() {
        let a = Instant::now();
        assert!(Instant::now() >= a && a > Instant::since_boot(Duration::ZERO));
        assert_eq!(a.since(a + Duration::from_secs(1)), Duration::ZERO);
    }
}
