//! Parses a token's firmware version, and finds the security advisory that affects this version.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first firmware version that the advisory YSA-2024-03 does not affect.
const WITHOUT_EUCLEAK: Firmware = Firmware([5, 7, 0]);

/// The advisory for firmware below 5.7.0 (yubico.com/support/security-advisories/ysa-2024-03). In this firmware, ECDSA
/// has a side channel: a person who has the token and measures its electromagnetic signals can compute the private
/// key.
const EUCLEAK: &str = "YSA-2024-03 (EUCLEAK, CVE-2024-45678)";

/// A firmware version, `major.minor.patch`. Each of the three numbers is 0 to 255, without leading zeros.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Firmware(pub [u8; 3]);

impl Firmware {
    /// Returns the security advisory that affects this version, if there is one.
    pub fn advisory(self) -> Option<&'static str> {
        (self < WITHOUT_EUCLEAK).then_some(EUCLEAK)
    }
}

/// The error for a text that is not a firmware version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FirmwareError;

impl fmt::Display for FirmwareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a firmware version like 5.7.4")
    }
}

impl std::error::Error for FirmwareError {}

impl FromStr for Firmware {
    type Err = FirmwareError;

    fn from_str(text: &str) -> Result<Self, FirmwareError> {
        let numbers: Vec<u8> = text.split('.').map_while(|number| number.parse().ok()).take(4).collect();
        let version = Self(numbers.try_into().map_err(|_| FirmwareError)?);
        // Each version has only one accepted form, so signs, leading zeros and trailing characters are refused.
        if version.to_string() == text { Ok(version) } else { Err(FirmwareError) }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl Serialize for Firmware {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Firmware {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::invalid_value(Unexpected::Str(&text), &"a firmware version like 5.7.4");
        text.parse().map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firmware_version_has_only_one_accepted_form() {
        for text in ["0.0.0", "5.4.3", "5.7.10", "255.255.255"] {
            assert_eq!(text.parse::<Firmware>().map(|version| version.to_string()), Ok(text.into()));
        }
        for text in ["", "5.7", "5.7.4.1", "05.7.4", "5.7.256", "+5.7.4", "5.7.4 ", "5..4", "5.7.x"] {
            assert_eq!(text.parse::<Firmware>(), Err(FirmwareError), "{text}");
        }
    }

    #[test]
    fn only_firmware_below_5_7_0_is_affected_by_the_advisory() {
        for (text, affected) in [("4.3.7", true), ("5.6.255", true), ("5.7.0", false), ("5.7.10", false)] {
            let version: Firmware = text.parse().unwrap();
            assert_eq!(version.advisory().is_some(), affected, "{text}");
        }
    }
}
