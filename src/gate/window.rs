//! The window of one session, from T0 to T1, by two clocks.

use jiff::Timestamp;

use crate::boot_clock::Instant;

/// The window of one session. It is made once, after an answer of AWS has given the date.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// T0, by AWS's clock.
    pub from: Timestamp,
    /// T1, by AWS's clock: AWS refuses access from here on.
    pub until: Timestamp,
    /// T1 by this machine's boot-time clock, never later than [`Window::until`].
    pub deadline: Instant,
}
