//! The progress of an opening. It is kept outside the sequence, so that the close can use it even after a panic.

use std::cell::{Cell, RefCell};

use jiff::{SignedDuration, Timestamp};

/// How long AWS can accept a request after it was signed: 15 minutes, the longer of the two times in its documentation.
const SIGNATURE_AGE: SignedDuration = SignedDuration::from_mins(15);
/// How long an acknowledged write can take to be in effect everywhere.
const SPREADS: SignedDuration = SignedDuration::from_secs(30);

/// A write of the opening that may still take effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pending {
    /// Which write.
    pub what: &'static str,
    /// What is not known about the write; completes a sentence that begins with `what`.
    pub doubt: &'static str,
    /// From this time on, the write has taken effect or never will.
    pub expires: Timestamp,
}

/// What a write of the opening does when it takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// Writing the gate. The gate is inert under the deny and contains its end, so a late write needs no watch.
    Inert,
    /// Activating the key, which is usable only after the deny is detached.
    Readies,
    /// Detaching the deny, which enables access.
    Enables,
}

/// The writes that an opening has sent so far, and the write whose result is still uncertain.
#[derive(Debug, Default)]
pub struct OpenProgress {
    touched: Cell<bool>,
    lifted: Cell<bool>,
    pending: RefCell<Option<Pending>>,
}

impl OpenProgress {
    /// Notes a write that is sent now.
    pub(super) fn sends(&self, what: &'static str, effect: Effect, now: Timestamp) {
        self.touched.set(true);
        self.lifted.set(self.lifted.get() || effect == Effect::Enables);
        let doubt = "had no clear answer";
        let expires = after(now, SIGNATURE_AGE + SPREADS);
        *self.pending.borrow_mut() = (effect != Effect::Inert).then_some(Pending { what, doubt, expires });
    }

    /// Notes that AWS acknowledged the last write. Until it is in effect everywhere, a refusal proves nothing.
    pub(super) fn spreads(&self, what: &'static str, now: Timestamp) {
        let doubt = "may not be in effect everywhere yet";
        *self.pending.borrow_mut() = Some(Pending { what, doubt, expires: after(now, SPREADS) });
    }

    /// Notes that a session was issued without a write to IAM.
    pub(super) fn handed_out(&self) {
        self.touched.set(true);
        self.lifted.set(true);
    }

    /// Notes that the result of the last write is known.
    pub(super) fn settled(&self) {
        *self.pending.borrow_mut() = None;
    }

    /// Whether a write was sent or a session issued, so that access has to be closed.
    pub fn touched(&self) -> bool {
        self.touched.get()
    }

    /// Whether the write that enables access was sent, whatever its result.
    pub fn lifted(&self) -> bool {
        self.lifted.get()
    }

    /// Returns the write that may still take effect.
    pub fn pending(&self) -> Option<Pending> {
        self.pending.borrow().clone()
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
