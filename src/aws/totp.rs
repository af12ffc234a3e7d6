//! One-time codes of the emergency user's MFA device (RFC 6238). The codes are computed from the time of AWS's clock.
//! AWS accepts each code only once.

use std::cell::Cell;
use std::time::Duration;

use totp_rs::{Algorithm, Secret, TOTP};

use crate::aws::clock::AwsClock;
use crate::vault::payload::Mfa;

/// How long one code is valid, in seconds.
const STEP: u64 = 30;
const DIGITS: usize = 6;

/// Generates the codes of an MFA device. The field `used` is the time step of the last code that was used.
pub(crate) struct TotpCodes {
    serial: String,
    totp: TOTP,
    clock: AwsClock,
    used: Cell<Option<u64>>,
}

impl TotpCodes {
    /// Prepares the codes of an MFA device. Dropping the value wipes the seed.
    pub(crate) fn new(mfa: Mfa, clock: AwsClock) -> Self {
        // `seal` rejects a seed that is not base32, so decoding cannot fail here.
        let seed = Secret::Encoded(mfa.seed.expose().to_owned()).to_bytes().unwrap_or_default();
        let totp = TOTP::new_unchecked(Algorithm::SHA1, DIGITS, 0, STEP, seed);
        Self { serial: mfa.serial, totp, clock, used: Cell::new(None) }
    }

    /// Returns the time until the device has a code that was not used yet. If the current code was not used, this time
    /// is zero.
    pub(crate) fn ready_in(&self) -> Duration {
        let now = self.seconds();
        match self.used.get() {
            Some(step) if step >= now / STEP => Duration::from_secs((step + 1) * STEP - now),
            _ => Duration::ZERO,
        }
    }

    /// Returns the device's serial number and the current code. Marks the code as used.
    pub(crate) fn take(&self) -> (String, String) {
        let now = self.seconds();
        self.used.set(Some(now / STEP));
        (self.serial.clone(), self.totp.generate(now))
    }

    fn seconds(&self) -> u64 {
        u64::try_from(self.clock.now().as_second()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::clock::Measured;
    use crate::boot_clock::Instant;
    use crate::secret::SecretText;

    fn at(seconds: i64) -> TotpCodes {
        let clock = AwsClock::default();
        let date = jiff::Timestamp::from_second(seconds).expect("the test's time should be valid");
        clock.set(Measured { date, at: Instant::now() });
        // The seed from RFC 6238, appendix B: "12345678901234567890".
        let seed = SecretText::copy_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        TotpCodes::new(Mfa { serial: "arn".into(), seed }, clock)
    }

    #[test]
    fn codes_match_rfc_6238() {
        // The codes in the RFC have eight digits. The test compares the last six digits of each code.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(at(seconds).take(), ("arn".into(), code.into()));
        }
    }

    #[test]
    fn a_code_is_used_only_once() {
        let codes = at(1_111_111_111);
        assert_eq!(codes.ready_in(), Duration::ZERO);
        codes.take();
        let wait = codes.ready_in().as_secs();
        assert!((25..=29).contains(&wait), "{wait}");
    }
}
