//! The progress of an opening. The progress is stored outside the opening sequence, because the close needs the
//! progress even after a panic.

use std::cell::{Cell, RefCell};

use jiff::{SignedDuration, Timestamp};

/// The maximum age of a signed request that AWS accepts. AWS's documentation has two values; this constant is the
/// longer value, 15 minutes.
const SIGNATURE_AGE: SignedDuration = SignedDuration::from_mins(15);
/// The longest time until an acknowledged write is in effect everywhere.
const SPREADS: SignedDuration = SignedDuration::from_secs(30);

/// A write of the opening that might still take effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pending {
    /// The name of the write, such as "activating the key".
    pub what: &'static str,
    /// Why the result of the write is uncertain. The text of `doubt` continues a sentence that begins with `what`.
    pub doubt: &'static str,
    /// The time after which the write has either taken effect or will never take effect.
    pub expires: Timestamp,
}

/// The effect of a write of the opening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Effect {
    /// The write creates the gate. The close need not watch for this write, because the gate contains T1 and has no
    /// effect while `AWSDenyAll` is attached.
    Inert,
    /// The write activates the key. The key is usable only after `AWSDenyAll` is detached.
    Readies,
    /// The write detaches `AWSDenyAll` and so enables access.
    Enables,
}

/// The writes that an opening has sent so far, and whether the result of the last write is uncertain.
#[derive(Debug, Default)]
pub struct OpenProgress {
    touched: Cell<bool>,
    lifted: Cell<bool>,
    pending: RefCell<Option<Pending>>,
}

impl OpenProgress {
    /// Notes that the write `what` is being sent.
    pub(super) fn sends(&self, what: &'static str, effect: Effect, now: Timestamp) {
        self.touched.set(true);
        self.lifted.set(self.lifted.get() || effect == Effect::Enables);
        let doubt = "had no clear answer";
        let expires = after(now, SIGNATURE_AGE + SPREADS);
        *self.pending.borrow_mut() = (effect != Effect::Inert).then_some(Pending { what, doubt, expires });
    }

    /// Notes that AWS acknowledged the last write. Until the write is in effect everywhere, a refused probe proves
    /// nothing.
    pub(super) fn spreads(&self, what: &'static str, now: Timestamp) {
        let doubt = "might not be in effect everywhere yet";
        *self.pending.borrow_mut() = Some(Pending { what, doubt, expires: after(now, SPREADS) });
    }

    /// Notes that an AWS session was issued in the lane `static`. The lane `static` writes nothing to IAM.
    pub(super) fn handed_out(&self) {
        self.touched.set(true);
        self.lifted.set(true);
    }

    /// Notes that the result of the last write is known.
    pub(super) fn settled(&self) {
        *self.pending.borrow_mut() = None;
    }

    /// Whether the opening sent a write or issued an AWS session. If the opening did, access must be closed.
    pub fn touched(&self) -> bool {
        self.touched.get()
    }

    /// Whether the write that enables access was sent, even if its result is not known.
    pub fn lifted(&self) -> bool {
        self.lifted.get()
    }

    /// Returns the write that might still take effect.
    pub fn pending(&self) -> Option<Pending> {
        self.pending.borrow().clone()
    }
}

fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
