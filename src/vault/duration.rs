//! Parses and formats durations such as `90s`, `45m` and `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration of one second or more, in whole seconds. In text, a duration has the units h, m and s, in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span(u32);

impl Span {
    /// Returns the duration in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// Converts the duration to the standard library's type.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

/// The error for a text that is not a duration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SpanError(String);

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a duration; write it like 90s, 45m or 1h30m", self.0)
    }
}

impl std::error::Error for SpanError {}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError(text.to_owned());
        let mut rest = text;
        let mut total: u32 = 0;
        for (unit, seconds) in [('h', 3600), ('m', 60), ('s', 1)] {
            if let Some((digits, after)) = rest.split_once(unit) {
                if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(wrong());
                }
                let count: u32 = digits.parse().map_err(|_| wrong())?;
                total = count.checked_mul(seconds).and_then(|s| total.checked_add(s)).ok_or_else(wrong)?;
                rest = after;
            }
        }
        if rest.is_empty() && total > 0 { Ok(Self(total)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        for (count, unit) in [(hours, 'h'), (minutes, 'm'), (seconds, 's')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::invalid_value(Unexpected::Str(&text), &"a duration like 90s, 45m or 1h30m");
        text.parse().map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_in_one_way() {
        for (text, seconds, canonical) in
            [("90s", 90, "1m30s"), ("45m", 2700, "45m"), ("1h30m", 5400, "1h30m"), ("4h", 14400, "4h")]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.seconds(), span.to_string().as_str()), (seconds, canonical));
        }
        for wrong in ["", "0s", "5", "m", "1m1h", "1h1h", "-1s", "1.5h", "1 h", "9999999s", "1d", "+1s"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }
}
