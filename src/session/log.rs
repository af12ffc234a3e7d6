//! The log of a run: lines on stderr, events on stdout, and records in the ledger. The time in events and records is
//! AWS's time.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use jiff::Timestamp;

use crate::aws::clock::AwsClock;
use crate::error::Result;
use crate::events::{Event, Events};
use crate::gate::SessionId;
use crate::ledger::{Head, Ledger, Record};
use crate::terminal::keyboard::Keyboard;
use crate::terminal::print;

pub(crate) struct Log<'a> {
    clock: AwsClock,
    ledger: &'a Ledger,
    /// A second handle to the ledger file, for records that must not delay a close. The second handle waits at most one
    /// second for the lock.
    hurried: Ledger,
    events: Events,
    /// The keyboard reader, which also shows the countdown. The countdown is erased before another line is printed.
    countdown: RefCell<Weak<Keyboard>>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(clock: AwsClock, ledger: &'a Ledger, events: Events) -> Self {
        Self { clock, ledger, hurried: ledger.hurried(), events, countdown: RefCell::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn clock(&self) -> &AwsClock {
        &self.clock
    }

    /// Reports whether the program writes events to stdout. With events on stdout, the program must not write anything
    /// else to stdout.
    pub(crate) fn has_events(&self) -> bool {
        self.events.are_wanted()
    }

    pub(crate) fn share_terminal_with(&self, countdown: &Rc<Keyboard>) {
        *self.countdown.borrow_mut() = Rc::downgrade(countdown);
    }

    pub(crate) fn say(&self, line: &str) {
        if let Some(keyboard) = self.countdown.borrow().upgrade() {
            keyboard.clear();
        }
        print::progress(line);
    }

    pub(crate) fn emit(&self, event: Event<'_>) {
        self.events.emit(self.now(), event);
    }

    /// Appends a record to the ledger. The run continues only if the record was written.
    ///
    /// # Errors
    /// Fails if the ledger cannot be written.
    pub(crate) fn require(&self, record: Record) -> Result<()> {
        self.ledger.append(self.now(), record)
    }

    /// Appends the intent to the ledger. The run continues only if the intent was written.
    ///
    /// # Errors
    /// Fails if the ledger cannot be written, or if another session of the same vault is in progress.
    pub(crate) fn intend(&self, intent: Record) -> Result<()> {
        self.ledger.intend(self.now(), intent)
    }

    /// Appends a record to the ledger. If the record cannot be written, prints a warning.
    pub(crate) fn record(&self, record: Record) {
        self.append(self.ledger, record);
    }

    /// Appends a record to the ledger while access might be open. In contrast to [`Self::record`], does not wait for
    /// the lock of the ledger.
    pub(crate) fn record_hurried(&self, record: Record) {
        self.append(&self.hurried, record);
    }

    /// Records in the ledger that access is closed, and emits the event `closed`.
    pub(crate) fn closed(&self, session: SessionId, probed: bool, cause: &str) {
        self.record(Record::Closed { session, probed, cause: cause.into() });
        self.emit(Event::Closed { session: Some(session), probed, cause: cause.into() });
    }

    /// Returns the ledger's head. Returns `None` if the ledger cannot be read, or if another process has locked the
    /// ledger.
    pub(crate) fn head(&self) -> Option<Head> {
        self.hurried.head().ok()
    }

    fn append(&self, ledger: &Ledger, record: Record) {
        if let Err(error) = ledger.append(self.now(), record) {
            self.say(&format!("warning: {}", error.what));
        }
    }
}
