//! For tests only: an emergency user in memory. The fake user allows a call if IAM would allow the call.
//!
//! By default every call completes at once, and a pause moves the clock. With `stepwise`, a call has three steps: the
//! request is sent, the request is carried out, the answer arrives. With `stepwise`, each poll moves a call to its next
//! step, and only the test moves the clock.

mod calls;
mod ports;
mod read;
mod seen;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::{Fault, Write};
use super::host::{Children, Clock, OpenHooks, Patience, Reporter};
use super::iam::{Caller, Closer, Emergency, Identity, Opener, Probed, Wanted};
use super::observed::Expected;
use super::policy::parse_gate;
use super::snapshot::{AccessState, Snapshot};
use super::window::Window;
use crate::boot_clock::Instant;
use crate::error::{Error, Result};
use crate::vault::canonical;
use crate::vault::target::deny_all_arn;
use seen::{JUDGE, Stale};

pub(crate) use calls::{ALL_WRONG, Wrong};
pub(crate) use ports::OpenerOf;
pub(crate) use seen::Lag;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const KEY: &str = "AKIAEMERGENCY";
pub(crate) const EXTRA_KEY: &str = "AKIAEXTRA";
pub(crate) const CEILING: &str = "arn:aws:iam::111122223333:policy/breakglass-ceiling";

/// One write that changes the user in memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Gate(Option<Value>),
    Key(bool),
    Deny(bool),
}

/// The number of a call, and a function that simulates what another machine does before that call.
type Interference = (usize, fn(&FakeUser));

/// The emergency user in memory, AWS's clock, and the faults that are injected into calls.
pub(crate) struct FakeUser {
    pub(crate) denied: Cell<bool>,
    pub(crate) active: Cell<bool>,
    pub(crate) gate: RefCell<Option<Value>>,
    pub(crate) groups: RefCell<Vec<String>>,
    pub(crate) clock: Cell<Timestamp>,
    /// The names of all calls so far, in order.
    pub(crate) calls: RefCell<Vec<&'static str>>,
    /// The number of the call that fails, counted from 0, and the injected fault. If `lasting` is set, all later calls
    /// fail, too.
    pub(crate) wrong: Cell<Option<(usize, Wrong)>>,
    pub(crate) lasting: Cell<bool>,
    /// The number of a call, counted from 0. The operator stops the opening before this call.
    pub(crate) stop_at: Cell<Option<usize>>,
    pub(crate) gave_up: Cell<bool>,
    /// Whether each call needs several polls, and each pause lasts until the test moves the clock.
    pub(crate) stepwise: Cell<bool>,
    /// The number of seconds that each request needs. Each answer needs the same time.
    pub(crate) latency: Cell<i64>,
    pub(crate) lag: Cell<Lag>,
    pub(crate) late_by: Cell<i64>,
    /// Whether the next call panics.
    pub(crate) breaks: Cell<bool>,
    /// How many seconds this machine's estimate of AWS's time is ahead of AWS's clock.
    pub(crate) ahead: Cell<i64>,
    /// The date of the AWS answer from which T0 was taken.
    pub(crate) dated: Cell<Option<Timestamp>>,
    pub(crate) window: Cell<Option<Window>>,
    began: Timestamp,
    /// The boot-time clock when the test started.
    pub(crate) booted: Cell<Instant>,
    /// The seconds that this machine has been awake since the test started.
    awake: Cell<i64>,
    wakings: Cell<u32>,
    stale: RefCell<Vec<Stale>>,
    late: RefCell<Vec<(Timestamp, Change)>>,
    pub(crate) session: Cell<bool>,
    /// The value of `awake` when the child processes were asked to end.
    pub(crate) dismissed: Cell<Option<i64>>,
    /// How many seconds the child processes need to end.
    pub(crate) grace: Cell<i64>,
    /// Whether the user's second access key is active. `None` if the user has no second access key.
    pub(crate) extra_key: Cell<Option<bool>>,
    /// The number of a call, counted from 0. From the call with this number on, the user has a second, active access
    /// key.
    pub(crate) extra_key_from: Cell<Option<usize>>,
    /// Simulates another machine: the number of a call, counted from 0, and what the other machine does before this
    /// call.
    pub(crate) meanwhile: Cell<Option<Interference>>,
    /// Whether AWS refuses every change of a key's status.
    pub(crate) may_not_switch: Cell<bool>,
    /// Whether the attached `AWSDenyAll` takes effect late, while all other writes take effect at once.
    pub(crate) deny_lags_alone: Cell<bool>,
    /// Whether no channel acknowledges the alert.
    pub(crate) unacknowledged: Cell<bool>,
    pub(crate) alerted: Cell<bool>,
    pub(crate) intended: Cell<bool>,
    pub(crate) children_ended: Cell<bool>,
    pub(crate) opener_gone: Cell<bool>,
    /// Whether the key was usable at any time while the user had no gate that the program wrote.
    pub(crate) endless: Cell<bool>,
    /// Whether AWS demands a one-time code before it issues a session.
    pub(crate) codes: Cell<bool>,
    pub(crate) words: RefCell<Vec<String>>,
}

impl FakeUser {
    pub(crate) fn at_rest() -> Self {
        Self {
            denied: Cell::new(true),
            active: Cell::new(false),
            gate: RefCell::default(),
            groups: RefCell::default(),
            clock: Cell::new(start()),
            calls: RefCell::default(),
            wrong: Cell::default(),
            lasting: Cell::default(),
            stop_at: Cell::default(),
            gave_up: Cell::default(),
            stepwise: Cell::default(),
            latency: Cell::default(),
            lag: Cell::default(),
            late_by: Cell::new(60),
            breaks: Cell::default(),
            ahead: Cell::default(),
            dated: Cell::default(),
            window: Cell::default(),
            began: start(),
            booted: Cell::new(Instant::since_boot(Duration::ZERO)),
            awake: Cell::default(),
            wakings: Cell::default(),
            stale: RefCell::default(),
            late: RefCell::default(),
            session: Cell::default(),
            dismissed: Cell::default(),
            grace: Cell::default(),
            extra_key: Cell::default(),
            extra_key_from: Cell::default(),
            meanwhile: Cell::default(),
            may_not_switch: Cell::default(),
            deny_lags_alone: Cell::default(),
            unacknowledged: Cell::default(),
            alerted: Cell::default(),
            intended: Cell::default(),
            children_ended: Cell::default(),
            opener_gone: Cell::default(),
            endless: Cell::default(),
            codes: Cell::default(),
            words: RefCell::default(),
        }
    }

    pub(crate) fn expected() -> Expected {
        Expected {
            user: "emergency".into(),
            deny: deny_all_arn("aws"),
            boundary: CEILING.into(),
            boundary_sha256: canonical::try_digest(&ceiling()).expect("digest"),
            key: KEY.into(),
            allows_extra_key: false,
        }
    }

    /// Returns the boot-time clock of this machine.
    pub(crate) fn boot_time(&self) -> Instant {
        self.booted.get() + self.clock.get().duration_since(self.began).unsigned_abs()
    }

    /// Forgets the issued session, as if another process had issued the session.
    pub(crate) fn forget_session(&self) {
        self.session.set(false);
    }

    /// Whether IAM would accept the long-term key now.
    pub(crate) fn usable(&self) -> bool {
        self.key_of(JUDGE) && self.allowed()
    }

    /// Whether IAM would accept the long-term key or the issued session now.
    pub(crate) fn accepts(&self) -> bool {
        (self.key_of(JUDGE) || self.session.get()) && self.allowed()
    }

    /// Whether the user's policies allow access now.
    pub(crate) fn allowed(&self) -> bool {
        let ahead = self.effective_end().is_some_and(|until| until > self.clock.get());
        !self.denied_of(JUDGE) && ahead
    }

    /// Returns T1 of the gate that is in effect now.
    pub(crate) fn effective_end(&self) -> Option<Timestamp> {
        self.gate_of(JUDGE).as_ref().and_then(parse_gate).map(|found| found.until)
    }

    /// Returns T1 of the gate that was written last, even if the gate is not yet in effect.
    pub(crate) fn written_end(&self) -> Option<Timestamp> {
        self.gate.borrow().as_ref().and_then(parse_gate).map(|found| found.until)
    }

    /// Moves AWS's clock and this machine's clock.
    pub(crate) fn advance(&self, seconds: i64) {
        self.awake.set(self.awake.get() + seconds);
        self.sleep(seconds);
    }

    /// Moves AWS's clock while this machine is suspended.
    pub(crate) fn sleep(&self, seconds: i64) {
        self.clock.set(later(self.clock.get(), seconds));
        let due: Vec<Change> = {
            let mut late = self.late.borrow_mut();
            let (due, rest) = late.drain(..).partition(|(at, _)| *at <= self.clock.get());
            *late = rest;
            let due: Vec<(Timestamp, Change)> = due;
            due.into_iter().map(|(_, change)| change).collect()
        };
        for change in due {
            self.apply(change);
        }
    }

    /// Ends all current pauses.
    pub(crate) fn wake(&self) {
        self.wakings.set(self.wakings.get() + 1);
    }

    /// Asks the child processes to end. The child processes need `grace` seconds to end.
    pub(crate) fn dismiss(&self) {
        self.dismissed.set(self.dismissed.get().or(Some(self.awake.get())));
    }

    pub(crate) fn are_children_gone(&self) -> bool {
        self.dismissed.get().is_some_and(|since| self.awake.get() >= since + self.grace.get())
    }

    /// Carries out the write `change`. Keeps the previous value, because reads show a write late.
    pub(crate) fn apply(&self, change: Change) {
        let was = match change {
            Change::Gate(gate) => Change::Gate(self.gate.replace(gate)),
            Change::Key(active) => Change::Key(self.active.replace(active)),
            Change::Deny(denied) => Change::Deny(self.denied.replace(denied)),
        };
        self.remember(was);
        if self.active.get()
            && !self.denied.get()
            && self.gate.borrow().as_ref().and_then(parse_gate).is_none()
        {
            self.endless.set(true);
        }
    }
}

/// Runs a sequence to its end in one poll. The user must not be `stepwise`, because each call would then need several
/// polls.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => out,
        Poll::Pending => panic!("the sequence should end in one poll"),
    }
}

fn start() -> Timestamp {
    "2026-11-22T02:17:00Z".parse().expect("an instant")
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("an instant")
}

fn ceiling() -> Value {
    json!({"Version": "2012-10-17", "Statement": []})
}
