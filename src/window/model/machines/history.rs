//! The histories of one process. A process is a function of the answers that it got, and of the time of each answer.
//! A history therefore stands for the state of the process. The sequences run once for each history, and the
//! exploration of all processes together only follows the histories.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::iam::{Answer, Iam, Request, Seen};
use super::process::{Report, Role, recorded_end};
use super::view::{Phase, View};
use crate::gate::SessionId;

/// The number of processes that are kept to be continued. All other processes are run again from the start.
const KEPT: usize = 20_000;

/// The number of a history among the histories of one process.
pub(super) type HistoryId = u32;

/// An answer to one request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Event {
    pub(super) request: u16,
    pub(super) answer: Answer,
    /// AWS's clock, in seconds since the start.
    pub(super) now: i64,
}

/// What a process has done so far.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Facts {
    pub(super) phase: Phase,
    /// Whether the opening sent a write.
    pub(super) touched: bool,
    /// T1 of the process's window, in seconds since the start.
    pub(super) until: Option<i64>,
    /// Whether the process has an AWS session.
    pub(super) issued: bool,
    /// Whether the process detached the deny and has not attached it since.
    pub(super) is_lifted: bool,
    /// Whether the last read showed the open window of another session.
    pub(super) sees_other: bool,
    /// Whether a read showed that another process ended or replaced the process's open window.
    pub(super) sees_end: bool,
    /// Whether the process sent a write of its close.
    pub(super) closes: bool,
    /// Whether the process sent a write although its last read showed the open window of another session.
    pub(super) ends_other: bool,
}

/// The state of a process after one history.
pub(super) struct History {
    last: Option<(HistoryId, Event)>,
    /// The requests that have no answer yet.
    pub(super) waiting: Vec<(u16, Request)>,
    pub(super) facts: Facts,
    pub(super) report: Option<Report>,
}

/// A process that can be continued.
struct Running {
    view: Rc<View>,
    future: Pin<Box<dyn Future<Output = Report>>>,
}

/// All histories of one process that the exploration has met.
pub(super) struct Histories {
    pub(super) role: Role,
    iam: Rc<Iam>,
    all: Vec<History>,
    next: HashMap<(HistoryId, Event), HistoryId>,
    running: HashMap<HistoryId, Running>,
    kept: VecDeque<HistoryId>,
    /// The number of processes that were run again from the start.
    pub(super) replays: usize,
}

impl Histories {
    pub(super) fn new(role: Role, iam: Rc<Iam>) -> Self {
        let mut this = Self {
            role,
            iam,
            all: Vec::new(),
            next: HashMap::new(),
            running: HashMap::new(),
            kept: VecDeque::new(),
            replays: 0,
        };
        let mut running = this.start();
        let report = running.poll();
        assert!(report.is_none(), "a process should wait for its first answer");
        this.add(None, &running, report);
        this.keep(0, running);
        this
    }

    pub(super) fn text(&self, id: HistoryId) -> String {
        let (mut events, mut at) = (Vec::new(), id);
        while let Some((before, event)) = self.of(at).last {
            events.push(format!("{} {:?} {:?}", event.now, self.of(before).request(event), event.answer));
            at = before;
        }
        events.reverse();
        events.join("\n")
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn of(&self, id: HistoryId) -> &History {
        &self.all[id as usize]
    }

    /// Returns the history that is longer by one answer.
    pub(super) fn after(&mut self, id: HistoryId, event: Event) -> HistoryId {
        if let Some(known) = self.next.get(&(id, event)) {
            return *known;
        }
        let mut running = self.running.remove(&id).unwrap_or_else(|| self.replay(id));
        let report = running.answer(event);
        let next = self.add(Some((id, event)), &running, report);
        self.next.insert((id, event), next);
        if self.of(next).report.is_none() {
            self.keep(next, running);
        }
        next
    }

    /// Returns the last request and its answer, if the answer did not bring the process forward: the process repeats
    /// the request until the answer changes, or until the time is up.
    pub(super) fn last_useless(&self, id: HistoryId) -> Option<(Request, Event)> {
        let (before, event) = self.of(id).last?;
        let before = self.of(before);
        let request = before.request(event);
        let is_useless = match (request, event.answer) {
            // A read after a probe belongs to the proof that access is closed.
            (Request::Read | Request::ReadAccess, Answer::Seen(user)) => {
                let (earlier, asked) = before.last?;
                !self.of(earlier).request(asked).is_probe() || !user.denied || user.active
            }
            (Request::ProbeKey | Request::ProbeSession, answer) => {
                (answer == Answer::Open) != self.of(id).facts.is_lifted
            }
            _ => false,
        };
        is_useless.then_some((request, event))
    }

    fn start(&self) -> Running {
        let view = Rc::new(View::new(self.iam.clone(), self.role.phase()));
        Running { future: Box::pin(self.role.run(view.clone())), view }
    }

    /// Runs a process from the start to the end of the history.
    fn replay(&mut self, id: HistoryId) -> Running {
        self.replays += 1;
        let (mut events, mut at) = (Vec::new(), id);
        while let Some((before, event)) = self.of(at).last {
            events.push(event);
            at = before;
        }
        let mut running = self.start();
        running.poll();
        for event in events.into_iter().rev() {
            running.answer(event);
        }
        running
    }

    fn keep(&mut self, id: HistoryId, running: Running) {
        self.running.insert(id, running);
        self.kept.push_back(id);
        if self.kept.len() > KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            self.running.remove(&oldest);
        }
    }

    fn add(&mut self, last: Option<(HistoryId, Event)>, running: &Running, report: Option<Report>) -> HistoryId {
        let view = &running.view;
        assert!(!view.is_write_cancelled.get(), "the exploration has no cancelled writes");
        let waiting = view.waiting.borrow().clone();
        let was = last.map(|(before, event)| (self.of(before), event));
        let facts = self.facts(view, was);
        self.all.push(History { last, waiting, facts, report });
        HistoryId::try_from(self.all.len() - 1).expect("few histories")
    }

    fn facts(&self, view: &View, was: Option<(&History, Event)>) -> Facts {
        let mut facts = Facts {
            phase: view.phase.get(),
            touched: view.progress.touched(),
            until: recorded_end(view),
            issued: view.issued.get(),
            is_lifted: false,
            sees_other: false,
            sees_end: false,
            closes: false,
            ends_other: false,
        };
        let Some((before, event)) = was else { return facts };
        let Facts { sees_other, sees_end, closes, ends_other, .. } = before.facts;
        (facts.sees_other, facts.sees_end, facts.ends_other) = (sees_other, sees_end, ends_other);
        facts.is_lifted = match before.request(event) {
            Request::LiftDeny => true,
            Request::AttachDeny => false,
            _ => before.facts.is_lifted,
        };
        if let (Answer::Seen(seen), true) = (event.answer, before.request(event).is_read()) {
            facts.sees_other = self.is_other(seen, event.now);
            let was_open = before.facts.phase == Phase::Open || is_closing_open(before);
            facts.sees_end |= was_open && !closes && self.is_ended(seen);
        }
        let asked = before.waiting.iter().map(|(id, _)| *id).max();
        let mut new = view.waiting.borrow().clone();
        new.retain(|(id, request)| Some(*id) > asked && request.is_write());
        facts.closes = closes || facts.phase == Phase::Closing && !new.is_empty();
        facts.ends_other |= facts.sees_other && !new.is_empty();
        facts
    }

    /// Whether a read shows the open window of another session.
    fn is_other(&self, seen: Seen, now: i64) -> bool {
        let gate = seen.gate.map(|id| self.iam.gate(id));
        gate.is_some_and(|gate| {
            Some(gate.session) != self.session() && super::iam::seconds(gate.until) > now && !seen.denied
        })
    }

    /// Whether a read shows that the process's window is not open any more.
    fn is_ended(&self, seen: Seen) -> bool {
        let gate = seen.gate.map(|id| self.iam.gate(id).session);
        seen.denied || !seen.active || gate != self.session()
    }

    fn session(&self) -> Option<SessionId> {
        self.role.session()
    }
}

/// Whether the process had an open window, and its close has begun.
fn is_closing_open(history: &History) -> bool {
    history.facts.phase == Phase::Closing && history.facts.issued
}

impl History {
    /// Returns the shortest pause, if the process waits for nothing else.
    pub(super) fn pauses(&self) -> Option<u16> {
        let pauses = self.waiting.iter().map(|(id, request)| match request {
            Request::Pause(time) => Some((*time, *id)),
            _ => None,
        });
        pauses.collect::<Option<Vec<_>>>()?.into_iter().min().map(|(_, id)| id)
    }

    pub(super) fn request(&self, event: Event) -> Request {
        let found = self.waiting.iter().find(|(id, _)| *id == event.request);
        found.expect("the answered request").1
    }
}

impl Running {
    fn poll(&mut self) -> Option<Report> {
        match self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(report) => Some(report),
            Poll::Pending => None,
        }
    }

    fn answer(&mut self, event: Event) -> Option<Report> {
        self.view.now.set(event.now);
        self.view.answer.set(Some((event.request, event.answer)));
        let report = self.poll();
        assert_eq!(self.view.answer.get(), None, "the process should take the answer");
        report
    }
}
