//! The emergency user that all processes of the exploration share. `FakeUser` decides what IAM answers to a request.

use std::cell::RefCell;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::hash::QuickMap;

use crate::boot_clock::Instant;
use crate::gate::fake::{FakeUser, KEY, OpenerOf, now};
use crate::gate::fault::Write;
use crate::gate::iam::{Caller, Closer, Emergency, Opener, Probed, Wanted};
use crate::gate::policy::{ParsedGate, parse_gate};
use crate::gate::{SessionId, Window};

/// The index of a gate among the gates that were written during the exploration.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct GateId(u8);

/// The part of the user's state that a read shows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Seen {
    pub(super) gate: Option<GateId>,
    pub(super) denied: bool,
    pub(super) active: bool,
}

/// The user and AWS's clock, in seconds since the start.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct World {
    pub(super) user: Seen,
    pub(super) clock: i64,
}

/// A request of a process. A call to AWS takes effect and is answered in one step.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Request {
    /// The process starts.
    Begin,
    Identify,
    Read,
    PutGate(GateId),
    LiftDeny,
    ReadAccess,
    AttachDeny,
    SwitchKey(bool),
    ProbeKey,
    IssueSession,
    ProbeSession,
    /// The process waits for at most this many seconds.
    Pause(u32),
    /// The process holds its window open.
    Hold,
}

impl Request {
    pub(super) fn is_write(self) -> bool {
        matches!(self, Self::PutGate(_) | Self::LiftDeny | Self::AttachDeny | Self::SwitchKey(_))
    }

    pub(super) fn is_probe(self) -> bool {
        matches!(self, Self::ProbeKey | Self::ProbeSession)
    }

    pub(super) fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::ReadAccess)
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Answer {
    /// The request was carried out, or the pause ended.
    Done,
    Refused,
    Seen(Seen),
    Open,
    KeyRefused,
    /// The operator ends the window.
    Quit,
}

type Asked = (World, Request, bool);

/// The gates that were written, and the answers that IAM gave.
#[derive(Default)]
pub(super) struct Iam {
    gates: RefCell<Vec<(Value, ParsedGate)>>,
    /// The cached result of each request. The answer of IAM depends on the world, the request, and whether the process
    /// has an AWS session.
    carried: RefCell<QuickMap<Asked, (World, Answer)>>,
}

impl Iam {
    pub(super) fn gate(&self, id: GateId) -> ParsedGate {
        self.gates.borrow()[usize::from(id.0)].1
    }

    pub(super) fn document(&self, id: GateId) -> Value {
        self.gates.borrow()[usize::from(id.0)].0.clone()
    }

    pub(super) fn gate_id(&self, document: &Value) -> GateId {
        let mut gates = self.gates.borrow_mut();
        let known = gates.iter().position(|(known, _)| known == document);
        let index = known.unwrap_or_else(|| {
            gates.push((document.clone(), parse_gate(document).expect("a gate of the program")));
            gates.len() - 1
        });
        GateId(u8::try_from(index).expect("there are few gates"))
    }

    /// Returns the user in memory. `issued` is true if the process that asks has an AWS session.
    pub(super) fn user(
        &self,
        World { user: Seen { gate, denied, active }, clock }: World,
        issued: bool,
    ) -> FakeUser {
        let user = FakeUser::at_rest();
        user.denied.set(denied);
        user.active.set(active);
        *user.gate.borrow_mut() = gate.map(|id| self.document(id));
        user.advance(clock);
        user.intended.set(true);
        user.session.set(issued);
        user
    }

    /// Whether IAM accepts the emergency key.
    pub(super) fn is_usable(&self, world: World) -> bool {
        self.user(world, false).usable()
    }

    /// Returns the world after the request and the answer to the request.
    pub(super) fn carry_out(&self, world: World, request: Request, issued: bool) -> (World, Answer) {
        if let Some(known) = self.carried.borrow().get(&(world, request, issued)) {
            return *known;
        }
        let user = self.user(world, issued);
        let answer = self.answer(&user, world, request);
        let gate = user.gate.borrow().as_ref().map(|document| self.gate_id(document));
        let after = Seen { gate, denied: user.denied.get(), active: user.active.get() };
        let carried = (World { user: after, ..world }, answer);
        self.carried.borrow_mut().insert((world, request, issued), carried);
        carried
    }

    fn answer(&self, user: &FakeUser, world: World, request: Request) -> Answer {
        let wrote = |write: Write| if write.is_ok() { Answer::Done } else { Answer::Refused };
        let probed = |probed| match probed {
            Some(Probed::Open) => Answer::Open,
            Some(Probed::Refused) => Answer::Refused,
            Some(Probed::KeyRefused) => Answer::KeyRefused,
            Some(Probed::Unclear(_)) | None => panic!("the user in memory answers each probe"),
        };
        match request {
            Request::Identify => {
                now(OpenerOf(user).identify()).expect("the user in memory answers");
                Answer::Done
            }
            Request::PutGate(id) => wrote(now(OpenerOf(user).put_gate(&self.document(id).to_string()))),
            Request::LiftDeny => wrote(now(OpenerOf(user).lift_deny())),
            Request::AttachDeny => wrote(now(user.attach_deny())),
            Request::SwitchKey(active) => wrote(now(user.switch_key(KEY, active))),
            Request::ProbeKey => probed(now(user.probe_key())),
            Request::ProbeSession => probed(now(user.probe_session())),
            Request::IssueSession => {
                let (session, until) = (SessionId::from_bytes([0; 8]), at(world.clock));
                wrote(now(user.issue_session(&Wanted { session, until, policy: None })))
            }
            Request::Read | Request::ReadAccess => Answer::Seen(world.user),
            Request::Begin | Request::Pause(_) | Request::Hold => Answer::Done,
        }
    }
}

/// Returns the time that is `seconds` after the start.
pub(super) fn at(seconds: i64) -> Timestamp {
    FakeUser::at_rest().clock.get() + SignedDuration::from_secs(seconds)
}

/// Returns the time in seconds since the start.
pub(super) fn seconds(time: Timestamp) -> i64 {
    time.duration_since(at(0)).as_secs()
}

/// Returns the boot-time clock, which is the same on every machine, because all machines started at the same time.
pub(super) fn boot_time(seconds: i64) -> Instant {
    Instant::since_boot(std::time::Duration::from_secs(seconds.unsigned_abs()))
}

/// Returns the end of a window in seconds since the start.
pub(super) fn end(window: &Window) -> i64 {
    seconds(window.until)
}
