//! One-time codes of the emergency user's MFA device (RFC 6238), by AWS's clock; each serves once.

use std::cell::Cell;
use std::time::Duration;

use totp_rs::{Algorithm, Secret, TOTP};

use crate::aws::clock::AwsClock;
use crate::vault::payload::Mfa;

/// Seconds for which a code is right.
const STEP: u64 = 30;
const DIGITS: usize = 6;

/// A device, and the last step whose code was given away.
pub(crate) struct Codes {
    serial: String,
    totp: TOTP,
    clock: AwsClock,
    used: Cell<Option<u64>>,
}

impl Codes {
    /// The seed is wiped with what this drops.
    pub(crate) fn new(mfa: Mfa, clock: AwsClock) -> Self {
        // What is no base32 was refused when it was sealed.
        let seed = Secret::Encoded(mfa.seed.expose().to_owned()).to_bytes().unwrap_or_default();
        let totp = TOTP::new_unchecked(Algorithm::SHA1, DIGITS, 0, STEP, seed);
        Self { serial: mfa.serial, totp, clock, used: Cell::new(None) }
    }

    /// How long until there is a code that was not given away yet.
    pub(crate) fn ready_in(&self) -> Duration {
        let now = self.seconds();
        match self.used.get() {
            Some(step) if step >= now / STEP => Duration::from_secs((step + 1) * STEP - now),
            _ => Duration::ZERO,
        }
    }

    /// The device and its code of now.
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

    fn at(seconds: i64) -> Codes {
        let clock = AwsClock::default();
        let date = jiff::Timestamp::from_second(seconds).expect("an instant");
        clock.set(Measured { date, at: Instant::now() });
        // The seed of RFC 6238, appendix B: "12345678901234567890".
        let seed = SecretText::copy_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        Codes::new(Mfa { serial: "arn".into(), seed }, clock)
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        // Its eight digits, the last six of them.
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(at(seconds).take(), ("arn".into(), code.into()));
        }
    }

    #[test]
    fn a_code_serves_once() {
        let codes = at(1_111_111_111);
        assert_eq!(codes.ready_in(), Duration::ZERO);
        codes.take();
        let wait = codes.ready_in().as_secs();
        assert!((25..=29).contains(&wait), "{wait}");
    }
}
