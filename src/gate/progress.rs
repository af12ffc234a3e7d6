//! How far an opening came: kept outside the sequence, so that it outlives whatever ends it.

use std::cell::{Cell, RefCell};

use jiff::{SignedDuration, Timestamp};

/// How long AWS may still take a request after it was signed; its documentation says 5 or 15 minutes.
const SIGNATURE_AGE: SignedDuration = SignedDuration::from_mins(15);
/// How long a write that AWS took may not be seen everywhere.
const SPREADS: SignedDuration = SignedDuration::from_secs(30);

/// A write of open that may still take effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pending {
    /// Which one.
    pub what: &'static str,
    /// What is not known about it.
    pub doubt: &'static str,
    /// From here it has taken effect, or never will.
    pub expires: Timestamp,
}

/// What a write of open does when it arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// The gate: under the deny it changes nothing, and it carries its own end. Late, it needs no watching.
    Inert,
    /// The key: usable only once the deny is gone.
    Readies,
    /// The deny is gone: this enables.
    Enables,
}

/// What an opening has sent so far.
#[derive(Debug, Default)]
pub struct OpenProgress {
    touched: Cell<bool>,
    lifted: Cell<bool>,
    pending: RefCell<Option<Pending>>,
}

impl OpenProgress {
    /// A write goes out now.
    pub(super) fn sends(&self, what: &'static str, effect: Effect, now: Timestamp) {
        self.touched.set(true);
        self.lifted.set(self.lifted.get() || effect == Effect::Enables);
        let doubt = "had no clear answer";
        let expires = after(now, SIGNATURE_AGE + SPREADS);
        *self.pending.borrow_mut() = (effect != Effect::Inert).then_some(Pending { what, doubt, expires });
    }

    /// AWS took the last write; until it was seen at work, a refusal may be the one of before.
    pub(super) fn spreads(&self, what: &'static str, now: Timestamp) {
        let doubt = "may not be in effect everywhere yet";
        *self.pending.borrow_mut() = Some(Pending { what, doubt, expires: after(now, SPREADS) });
    }

    /// A session is in somebody's hands, without a write.
    pub(super) fn handed_out(&self) {
        self.touched.set(true);
        self.lifted.set(true);
    }

    /// It is known what became of the last write.
    pub(super) fn settled(&self) {
        *self.pending.borrow_mut() = None;
    }

    /// Something was written, so something has to be closed.
    pub fn touched(&self) -> bool {
        self.touched.get()
    }

    /// The write that enables was sent, whatever became of it.
    pub fn lifted(&self) -> bool {
        self.lifted.get()
    }

    /// A write that may still take effect.
    pub fn pending(&self) -> Option<Pending> {
        self.pending.borrow().clone()
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
