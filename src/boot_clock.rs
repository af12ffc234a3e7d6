//! The clock that counts the time since the machine was booted (`CLOCK_BOOTTIME`). This clock also counts while the
//! machine is suspended. Changing the system time does not affect this clock.

use std::ops::Add;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A point in time, measured as the duration since boot.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Instant(Duration);

impl Instant {
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanos))
    }

    /// Returns the point in time that is `time` after the boot.
    pub fn since_boot(time: Duration) -> Self {
        Self(time)
    }

    /// Returns the time from `earlier` to `self`, or zero if `earlier` is after `self`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward() {
        let a = Instant::now();
        assert!(Instant::now() >= a && a > Instant::since_boot(Duration::ZERO));
        assert_eq!(a.since(a + Duration::from_secs(1)), Duration::ZERO);
    }
}
