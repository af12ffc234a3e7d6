//! The window of one session, from T0 to T1, measured by two clocks.

use jiff::Timestamp;

use crate::boot_clock::Instant;

/// The window of one session. The window is computed once, from the date of an answer from AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// T0, by AWS's clock.
    pub from: Timestamp,
    /// T1, by AWS's clock. AWS refuses access from T1 on.
    pub until: Timestamp,
    /// T1, by this machine's boot-time clock. The deadline is never later than [`Window::until`].
    pub deadline: Instant,
}
