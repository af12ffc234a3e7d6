//! AWS's time. The program reads AWS's time from the HTTP `Date` header of an answer. To get AWS's time later, the
//! program adds the time that the boot-time clock has counted since that answer. After the first answer, the local
//! clock has no influence on AWS's time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use jiff::Timestamp;

use crate::boot_clock::Instant;

/// The range of accepted dates, in Unix seconds: the start of 2025 to the start of 2100.
const SANE: std::ops::Range<i64> = 1_735_689_600..4_102_444_800;

/// A clock that all parts of a command share. The clock starts with the local time. When AWS answers, the program sets
/// the clock to AWS's time.
#[derive(Clone, Debug)]
pub(crate) struct AwsClock(Arc<Mutex<Measured>>);

/// AWS's time from one answer. `date` is the time in the answer, and `at` is when the program sent the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) date: Timestamp,
    pub(crate) at: Instant,
}

impl Default for AwsClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Measured { date: Timestamp::now(), at: Instant::now() })))
    }
}

impl AwsClock {
    pub(crate) fn now(&self) -> Timestamp {
        let Measured { date, at } = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        date.saturating_add(Instant::now().since(at)).unwrap_or(date)
    }

    /// Sets the clock, and returns the difference between the old time and the new time.
    pub(crate) fn set(&self, measured: Measured) -> Duration {
        let off = self.now().duration_since(measured.date).unsigned_abs();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = measured;
        off
    }
}

impl TimeSource for AwsClock {
    fn now(&self) -> SystemTime {
        SystemTime::from(AwsClock::now(self))
    }
}

/// Stores the `Date` header of the last response, whether or not the call succeeded.
#[derive(Clone, Debug, Default)]
pub(crate) struct DateReader(Arc<Mutex<Option<String>>>);

impl DateReader {
    /// Removes and returns the last response's `Date`. Returns `None` if the date is not within [`SANE`].
    pub(crate) fn take(&self) -> Option<Timestamp> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let seconds = DateTime::from_str(&text, Format::HttpDate).ok()?.secs();
        Timestamp::from_second(seconds).ok().filter(|_| SANE.contains(&seconds))
    }
}

impl Intercept for DateReader {
    fn name(&self) -> &'static str {
        "DateReader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Timestamp> {
        DateReader(Arc::new(Mutex::new(Some(text.into())))).take()
    }

    #[test]
    fn a_date_out_of_range_is_rejected() {
        let at = read("Sun, 22 Nov 2026 02:17:00 GMT").expect("the date should be accepted");
        assert_eq!(at.to_string(), "2026-11-22T02:17:00Z");
        for bad in ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2200 00:00:00 GMT"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_clock_is_set_to_the_measured_time() {
        let clock = AwsClock::default();
        let date: Timestamp = "2030-01-01T00:00:00Z".parse().expect("the test's time should be valid");
        let off = clock.set(Measured { date, at: Instant::now() });
        assert!(off > Duration::from_hours(1));
        assert!(clock.now().duration_since(date).as_secs() < 5);
    }
}
