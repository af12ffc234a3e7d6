//! An emergency user in memory, judged as IAM judges: for the tests of the sequences.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::iam::{Caller, Closer, Emergency, Fault, Identity, Opener, Probed, Wanted, World, Write};
use super::policy::{GATE, recognise};
use super::rest::{Expected, deny_all};
use super::snapshot::{Credential, Glance, Snapshot, User};
use crate::error::{Error, Result};
use crate::vault::canonical;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const KEY: &str = "AKIAEMERGENCY";
pub(crate) const CEILING: &str = "arn:aws:iam::111122223333:policy/breakglass-ceiling";

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrong {
    Refused,
    Throttled,
    /// Done, but the answer is lost.
    ReplyLost,
    /// Never done, and the answer is lost.
    RequestLost,
    /// The answer is lost; done a minute later.
    Late,
}

pub(crate) const ALL_WRONG: [Wrong; 5] =
    [Wrong::Refused, Wrong::Throttled, Wrong::ReplyLost, Wrong::RequestLost, Wrong::Late];

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Gate(Value),
    Key(bool),
    Deny(bool),
}

/// The user, AWS's clock, and what goes wrong when.
pub(crate) struct Memory {
    pub(crate) denied: Cell<bool>,
    pub(crate) active: Cell<bool>,
    pub(crate) gate: RefCell<Option<Value>>,
    pub(crate) groups: RefCell<Vec<String>>,
    pub(crate) clock: Cell<Timestamp>,
    /// Every call in order.
    pub(crate) calls: RefCell<Vec<&'static str>>,
    /// This call, counted from 0, goes wrong; and every later one if `lasting`.
    pub(crate) wrong: Cell<Option<(usize, Wrong)>>,
    pub(crate) lasting: Cell<bool>,
    /// Stop the opening before this call.
    pub(crate) stop_at: Cell<Option<usize>>,
    pub(crate) gave_up: Cell<bool>,
    late: RefCell<Vec<(Timestamp, Change)>>,
    session: Cell<bool>,
    pub(crate) intended: Cell<bool>,
    pub(crate) children_ended: Cell<bool>,
    pub(crate) opener_gone: Cell<bool>,
    /// Access was there at a time at which no end was written.
    pub(crate) endless: Cell<bool>,
    pub(crate) words: RefCell<Vec<String>>,
}

impl Memory {
    pub(crate) fn at_rest() -> Self {
        Self {
            denied: Cell::new(true),
            active: Cell::new(false),
            gate: RefCell::default(),
            groups: RefCell::default(),
            clock: Cell::new("2026-11-22T02:17:00Z".parse().expect("an instant")),
            calls: RefCell::default(),
            wrong: Cell::default(),
            lasting: Cell::default(),
            stop_at: Cell::default(),
            gave_up: Cell::default(),
            late: RefCell::default(),
            session: Cell::default(),
            intended: Cell::default(),
            children_ended: Cell::default(),
            opener_gone: Cell::default(),
            endless: Cell::default(),
            words: RefCell::default(),
        }
    }

    pub(crate) fn expected() -> Expected {
        Expected {
            user: "emergency".into(),
            deny: deny_all("aws"),
            boundary: CEILING.into(),
            boundary_sha256: canonical::try_digest(&ceiling()).expect("digest"),
            key: KEY.into(),
        }
    }

    /// What IAM would say to the long-term key now.
    pub(crate) fn usable(&self) -> bool {
        self.active.get() && self.allowed()
    }

    /// What the policies say now.
    pub(crate) fn allowed(&self) -> bool {
        let gate = self.gate.borrow();
        let ahead = gate.as_ref().and_then(recognise).is_some_and(|found| found.until > self.clock.get());
        !self.denied.get() && ahead
    }

    pub(crate) fn advance(&self, seconds: i64) {
        let clock = self.clock.get();
        self.clock.set(clock.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("an instant"));
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

    fn apply(&self, change: Change) {
        match change {
            Change::Gate(document) => *self.gate.borrow_mut() = Some(document),
            Change::Key(active) => self.active.set(active),
            Change::Deny(denied) => self.denied.set(denied),
        }
        if self.active.get()
            && !self.denied.get()
            && self.gate.borrow().as_ref().and_then(recognise).is_none()
        {
            self.endless.set(true);
        }
    }

    /// Counts the call; says how it goes wrong.
    fn call(&self, name: &'static str) -> Option<Wrong> {
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push(name);
        let (at, wrong) = self.wrong.get()?;
        (number == at || (self.lasting.get() && number > at)).then_some(wrong)
    }

    fn write(&self, name: &'static str, change: Change) -> Write {
        let wrong = self.call(name);
        let lost = || Err(Fault::Unknown("the connection was cut".into()));
        match wrong {
            None => {
                self.apply(change);
                Ok(())
            }
            Some(Wrong::Refused) => Err(Fault::Refused("AccessDenied".into())),
            Some(Wrong::Throttled) => Err(Fault::Throttled("Throttling".into())),
            Some(Wrong::ReplyLost) => {
                self.apply(change);
                lost()
            }
            Some(Wrong::RequestLost) => lost(),
            Some(Wrong::Late) => {
                let at =
                    self.clock.get().checked_add(jiff::SignedDuration::from_secs(60)).expect("an instant");
                self.late.borrow_mut().push((at, change));
                lost()
            }
        }
    }

    fn snapshot(&self, name: &'static str) -> Snapshot {
        if let Some(wrong) = self.call(name) {
            return unreadable(&fault(wrong));
        }
        let gate = self.gate.borrow().clone();
        Snapshot {
            user: Ok(Some(User { boundary: Some(CEILING.into()) })),
            boundary_document: Ok(ceiling()),
            inline: Ok(gate.iter().map(|_| GATE.to_owned()).collect()),
            gate: Ok(gate),
            attached: Ok(if self.denied.get() { vec![deny_all("aws")] } else { vec![] }),
            groups: Ok(self.groups.borrow().clone()),
            keys: Ok(vec![Credential { id: KEY.into(), active: self.active.get() }]),
            login_profile: Ok(false),
            ssh_keys: Ok(vec![]),
            certificates: Ok(vec![]),
            service_credentials: Ok(vec![]),
        }
    }
}

fn ceiling() -> Value {
    json!({"Version": "2012-10-17", "Statement": []})
}

fn fault(wrong: Wrong) -> Fault {
    match wrong {
        Wrong::Refused => Fault::Refused("AccessDenied".into()),
        Wrong::Throttled => Fault::Throttled("Throttling".into()),
        _ => Fault::Unknown("the connection was cut".into()),
    }
}

fn unreadable(fault: &Fault) -> Snapshot {
    Snapshot {
        user: Err(fault.clone()),
        boundary_document: Err(fault.clone()),
        inline: Err(fault.clone()),
        gate: Err(fault.clone()),
        attached: Err(fault.clone()),
        groups: Err(fault.clone()),
        keys: Err(fault.clone()),
        login_profile: Err(fault.clone()),
        ssh_keys: Err(fault.clone()),
        certificates: Err(fault.clone()),
        service_credentials: Err(fault.clone()),
    }
}

/// The opener's view; says when it is dropped.
pub(crate) struct OpenerOf<'a>(pub(crate) &'a Memory);

impl Drop for OpenerOf<'_> {
    fn drop(&mut self) {
        self.0.opener_gone.set(true);
    }
}

impl Caller for OpenerOf<'_> {
    async fn identify(&self) -> std::result::Result<Identity, Fault> {
        match self.0.call("GetCallerIdentity") {
            Some(wrong) => Err(fault(wrong)),
            None => Ok(Identity { account: ACCOUNT.into(), time: self.0.clock.get() }),
        }
    }
}

impl Opener for OpenerOf<'_> {
    async fn read(&self) -> Snapshot {
        self.0.snapshot("Read")
    }

    async fn put_gate(&self, document: &str) -> Write {
        assert!(self.0.intended.get(), "the intent comes first");
        self.0.write("PutUserPolicy", Change::Gate(serde_json::from_str(document).expect("JSON")))
    }

    async fn lift_deny(&self) -> Write {
        self.0.write("DetachUserPolicy", Change::Deny(false))
    }
}

impl Closer for Memory {
    async fn glance(&self) -> Glance {
        let Snapshot { gate, attached, keys, .. } = self.snapshot("Glance");
        Glance { gate, attached, keys }
    }

    async fn attach_deny(&self) -> Write {
        self.write("AttachUserPolicy", Change::Deny(true))
    }

    async fn switch_key(&self, _: &str, active: bool) -> Write {
        self.write(if active { "Activate" } else { "Deactivate" }, Change::Key(active))
    }
}

impl Emergency for Memory {
    async fn probe_key(&self) -> Option<Probed> {
        Some(match self.call("ProbeKey") {
            Some(wrong) => Probed::Unclear(fault(wrong).to_string()),
            None if !self.active.get() => Probed::KeyRefused,
            None if self.allowed() => Probed::Open,
            None => Probed::Shut,
        })
    }

    fn ready_in(&self) -> Duration {
        Duration::ZERO
    }

    async fn issue_session(&self, _: &Wanted<'_>) -> Write {
        if let Some(wrong) = self.call("GetSessionToken") {
            return Err(fault(wrong));
        }
        self.session.set(true);
        Ok(())
    }

    async fn probe_session(&self) -> Option<Probed> {
        if !self.session.get() {
            return None;
        }
        Some(match self.call("ProbeSession") {
            Some(wrong) => Probed::Unclear(fault(wrong).to_string()),
            None if self.allowed() => Probed::Open,
            None => Probed::Shut,
        })
    }
}

impl World for Memory {
    fn now(&self) -> Timestamp {
        self.clock.get()
    }

    async fn pause(&self, time: Duration) {
        self.advance(i64::try_from(time.as_secs().max(1)).expect("short"));
    }

    fn interrupted(&self) -> bool {
        self.stop_at.get().is_some_and(|at| self.calls.borrow().len() >= at)
    }

    fn gave_up(&self) -> bool {
        self.gave_up.get()
    }

    fn say(&self, line: &str) {
        self.words.borrow_mut().push(line.to_owned());
    }

    fn intend(&self) -> Result<()> {
        if self.intended.replace(true) {
            return Err(Error::failed("intended twice"));
        }
        Ok(())
    }

    fn end_is_set(&self, _: Timestamp, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn end_children(&self) {
        self.children_ended.set(true);
    }
}
