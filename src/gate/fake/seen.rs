//! Simulates the eventual consistency of IAM. After a write, there is a delay until reads show the write, and another
//! delay until the write takes effect.

use jiff::Timestamp;
use serde_json::Value;

use super::{Change, FakeUser, later};

/// The delays of a write, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lag {
    /// The delay until reads show the write.
    pub(crate) shown: i64,
    /// The delay until the write decides which calls AWS allows.
    pub(crate) counts: i64,
}

/// The value before a write. The old value is kept until the write is in effect everywhere.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    was: Change,
    shown: Timestamp,
    counts: Timestamp,
}

/// A view of the user. Reads show the view `READER`; the view `JUDGE` decides which calls are allowed. A view is a
/// function that returns the time from which on the view shows a write.
pub(super) type Eye = fn(&Stale) -> Timestamp;
pub(super) const READER: Eye = |stale| stale.shown;
pub(super) const JUDGE: Eye = |stale| stale.counts;

impl FakeUser {
    /// Returns the old value that the view `eye` still shows, or `None` if the view shows the current value.
    fn stale<T>(&self, eye: Eye, of: impl Fn(&Change) -> Option<T>) -> Option<T> {
        let stale = self.stale.borrow();
        stale.iter().filter(|stale| eye(stale) > self.clock.get()).find_map(|stale| of(&stale.was))
    }

    pub(super) fn denied_of(&self, eye: Eye) -> bool {
        let was = self.stale(eye, |was| if let Change::Deny(denied) = was { Some(*denied) } else { None });
        was.unwrap_or(self.denied.get())
    }

    pub(super) fn key_of(&self, eye: Eye) -> bool {
        let was = self.stale(eye, |was| if let Change::Key(active) = was { Some(*active) } else { None });
        was.unwrap_or(self.active.get())
    }

    pub(super) fn gate_of(&self, eye: Eye) -> Option<Value> {
        let was = self.stale(eye, |was| if let Change::Gate(gate) = was { Some(gate.clone()) } else { None });
        was.unwrap_or_else(|| self.gate.borrow().clone())
    }

    /// Keeps the value before a write. Writes of the same kind become visible in their order.
    pub(super) fn remember(&self, was: Change) {
        let at_once = self.deny_lags_alone.get() && !matches!(was, Change::Deny(_));
        let Lag { shown, counts } = if at_once { Lag::default() } else { self.lag.get() };
        let mut stale = self.stale.borrow_mut();
        let kind = std::mem::discriminant(&was);
        let same = stale.iter().filter(|stale| std::mem::discriminant(&stale.was) == kind);
        let now = self.clock.get();
        let mut entry = Stale { was, shown: later(now, shown), counts: later(now, counts) };
        for earlier in same {
            entry.shown = entry.shown.max(earlier.shown);
            entry.counts = entry.counts.max(earlier.counts);
        }
        stale.push(entry);
    }
}
