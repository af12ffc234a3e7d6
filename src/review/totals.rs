//! The totals of the calls. The summary, the page and the picture all show these totals.

use super::facts::calls::{ApiCall, CallPurpose, CallTiming, count};
use super::facts::carried_id::CarriedId;

/// The number of calls of each kind. `inside`, `outside` and `other_session` add up to `all`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct CallTotals {
    pub(super) all: usize,
    pub(super) inside: usize,
    pub(super) outside: usize,
    pub(super) other_session: usize,
    pub(super) unexpected: usize,
    pub(super) refused: usize,
}

/// How many calls in the window contain which session id. The numbers add up to [`CallTotals::inside`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct IdTotals {
    pub(super) this: usize,
    pub(super) other: usize,
    pub(super) missing: usize,
    pub(super) not_expected: usize,
}

impl CallTotals {
    /// Counts the calls for which `is` returns true.
    pub(super) fn of(calls: &[ApiCall], is: impl Fn(&ApiCall) -> bool) -> Self {
        Self {
            all: count(calls, &is),
            inside: count(calls, |call| is(call) && call.is_inside()),
            outside: count(calls, |call| is(call) && call.is_outside()),
            other_session: count(calls, |call| is(call) && call.when == CallTiming::OtherSession),
            unexpected: count(calls, |call| is(call) && call.kind == CallPurpose::Unexpected),
            refused: count(calls, |call| is(call) && call.is_refused()),
        }
    }
}

impl IdTotals {
    pub(super) fn of(calls: &[ApiCall]) -> Self {
        let of = |id: CarriedId| count(calls, |call| call.is_inside() && call.carried_id == id);
        Self {
            this: of(CarriedId::This),
            other: of(CarriedId::Other),
            missing: of(CarriedId::Missing),
            not_expected: of(CarriedId::NotExpected),
        }
    }
}
