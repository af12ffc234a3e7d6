//! The histories of one process. A history is the series of answers that the process got, with the time of each answer.
//! The history determines the state of the process, so a process runs once for each history. The exploration then
//! combines the histories of all processes.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::facts::{Event, Facts};
use super::hash::QuickMap;
use super::iam::{Answer, Iam, Request, Seen, seconds};
use super::process::{Report, Role, recorded_end};
use super::view::{Phase, View};
use crate::gate::SessionId;

/// How many running processes are kept in memory. A process that was not kept runs again from the start when the
/// exploration needs the process.
const KEPT: usize = 20_000;

/// The number of times that one process may read the user before the model's clock moves on.
const READS: usize = 2;

/// The index of a history among the histories of one process.
pub(super) type HistoryId = u32;

/// The state of a process after one history.
pub(super) struct History {
    last: Option<(HistoryId, Event)>,
    /// The requests that have no answer yet.
    pub(super) waiting: Vec<(u16, Request)>,
    pub(super) facts: Facts,
    /// The number of answers.
    pub(super) length: u16,
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
    next: QuickMap<(HistoryId, Event), HistoryId>,
    running: QuickMap<HistoryId, Running>,
    kept: VecDeque<HistoryId>,
}

impl Histories {
    pub(super) fn new(role: Role, iam: Rc<Iam>) -> Self {
        let mut this = Self {
            role,
            iam,
            all: Vec::new(),
            next: QuickMap::default(),
            running: QuickMap::default(),
            kept: VecDeque::new(),
        };
        let mut running = this.start();
        let report = running.poll();
        assert!(report.is_none(), "a process should wait for its first answer");
        this.add(None, &running, report);
        this.keep(0, running);
        this
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn of(&self, id: HistoryId) -> &History {
        &self.all[id as usize]
    }

    /// Returns the history `id` extended by one answer.
    pub(super) fn after(&mut self, id: HistoryId, event: Event) -> HistoryId {
        if let Some(known) = self.next.get(&(id, event)) {
            return *known;
        }
        if let Some((before, earlier)) = self.swapped(id, event) {
            let first = self.after(before, event);
            let known = self.after(first, earlier);
            self.next.insert((id, event), known);
            return known;
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

    /// If the last event of the history can be exchanged with `event`, returns the last event and the history before
    /// the last event. Two events can be exchanged if the process waited for both answers at once and sent nothing
    /// after the first answer.
    fn swapped(&self, id: HistoryId, event: Event) -> Option<(HistoryId, Event)> {
        let (before, last) = self.of(id).last?;
        let waited = self.of(before).waiting.iter().any(|(request, _)| *request == event.request);
        let is_quiet = self.of(id).waiting.len() + 1 == self.of(before).waiting.len();
        let is_pause = |event| matches!(self.of(before).request(event), Request::Pause(_));
        let is_same_time = last.now == event.now;
        (waited
            && is_quiet
            && is_same_time
            && event.request < last.request
            && !is_pause(event)
            && !is_pause(last))
        .then_some((before, last))
    }

    /// Whether a process would only repeat its last request if its pause ended at the time `now`. There are two cases.
    /// First, the process waits for a certain answer to a probe, and neither the last probe nor `answer` is this
    /// answer. Second, the process has read the user [`READS`] times at the time `now`.
    pub(super) fn is_idle(&self, id: HistoryId, now: i64, answer: impl Fn(Request) -> Answer) -> bool {
        if self.of(id).facts.phase == Phase::Open
            && let Answer::Seen(user) = answer(Request::ReadAccess)
            && !self.is_ended(user)
        {
            return true;
        }
        let Some([(request, event), earlier, _]) = self.last_three(id) else { return false };
        if event.now != now {
            return false;
        }
        match event.answer {
            found if request.is_probe() => !self.is_useful(id, found) && !self.is_useful(id, answer(request)),
            // A read after a probe belongs to the proof that access is closed.
            Answer::Seen(user) if earlier.0.is_probe() => user.active || !user.denied,
            Answer::Seen(_) => {
                self.reads(id) >= READS || answer(request) == event.answer && self.reads(id) > 1
            }
            _ => false,
        }
    }

    /// Returns how many reads end the history. The reads have the same time and only pauses between them.
    fn reads(&self, id: HistoryId) -> usize {
        let now = self.of(id).last.map(|(_, event)| event.now);
        let (mut at, mut reads) = (id, 0);
        while let Some((before, event)) = self.of(at).last.filter(|(_, event)| Some(event.now) == now) {
            match self.of(before).request(event) {
                request if request.is_read() => reads += 1,
                Request::Pause(_) => {}
                _ => break,
            }
            at = before;
        }
        reads
    }

    /// Whether the process already got the answer that it waits for, and only repeats a probe, or a probe and a read.
    /// Each repetition has the same result until another process changes the answer to the probe.
    pub(super) fn repeats(&self, id: HistoryId) -> bool {
        let Some([last, earlier, first]) = self.last_three(id) else { return false };
        let useful = |(request, event): (Request, Event)| match (request, event.answer) {
            (request, answer) if request.is_probe() => self.is_useful(id, answer),
            (Request::ReadAccess, Answer::Seen(user)) => user.denied && !user.active,
            _ => false,
        };
        let is_pause = |(request, _): (Request, Event)| matches!(request, Request::Pause(_));
        let is_proof =
            |a: (Request, Event), b: (Request, Event)| useful(a) && (a.0.is_probe() || b.0.is_probe());
        let asks = |kind: fn(&Request) -> bool| self.of(id).waiting.iter().any(|(_, request)| kind(request));
        let waits = self.of(id).pauses().is_some() && !asks(|request| *request == Request::Hold);
        let probes = asks(|request| request.is_probe());
        let reads = asks(|request| request.is_read());
        if reads {
            return last.0.is_probe() && is_pause(earlier) && first.0.is_read() && useful(first);
        }
        (waits || probes) && (is_proof(last, earlier) || is_pause(last) && is_proof(earlier, first))
    }

    fn is_useful(&self, id: HistoryId, answer: Answer) -> bool {
        (answer == Answer::Open) == self.of(id).facts.is_lifted
    }

    /// Returns the last three requests and their answers, in reverse order.
    fn last_three(&self, id: HistoryId) -> Option<[(Request, Event); 3]> {
        let mut at = id;
        let mut step = || {
            let (before, event) = self.of(at).last?;
            at = before;
            Some((self.of(before).request(event), event))
        };
        Some([step()?, step()?, step()?])
    }

    fn start(&self) -> Running {
        let view = Rc::new(View::new(self.iam.clone(), self.role.phase()));
        Running { future: Box::pin(self.role.run(view.clone())), view }
    }

    /// Runs a process from the start to the end of the history.
    fn replay(&self, id: HistoryId) -> Running {
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

    fn add(
        &mut self,
        last: Option<(HistoryId, Event)>,
        running: &Running,
        report: Option<Report>,
    ) -> HistoryId {
        let view = &running.view;
        assert!(!view.is_write_cancelled.get(), "the exploration does not support cancelled writes");
        let waiting = view.waiting.borrow().clone();
        let facts = self.facts(view, last);
        let length = last.map_or(0, |(before, _)| self.of(before).length + 1);
        self.all.push(History { last, waiting, facts, length, report });
        HistoryId::try_from(self.all.len() - 1).expect("few histories")
    }

    fn facts(&self, view: &View, last: Option<(HistoryId, Event)>) -> Facts {
        let mut facts = Facts {
            phase: view.phase.get(),
            lifted: view.progress.lifted(),
            until: recorded_end(view),
            issued: view.issued.get(),
            is_lifted: false,
            sees_other: false,
            sees_end: false,
            ends_other: false,
        };
        let Some((id, event)) = last else { return facts };
        let before = self.of(id);
        let Facts { sees_other, sees_end, ends_other, .. } = before.facts;
        (facts.sees_other, facts.sees_end, facts.ends_other) = (sees_other, sees_end, ends_other);
        facts.is_lifted = match before.request(event) {
            Request::LiftDeny => true,
            Request::AttachDeny => false,
            _ => before.facts.is_lifted,
        };
        if let (Answer::Seen(seen), true) = (event.answer, before.request(event).is_read()) {
            facts.sees_other = self.is_other(seen, event.now, facts.lifted);
            facts.sees_end = sees_end || self.is_ended(seen) && self.is_confirmed(id, event);
        }
        let asked = before.waiting.iter().map(|(id, _)| *id).max();
        let mut new = view.waiting.borrow().clone();
        new.retain(|(id, request)| Some(*id) > asked && request.is_write());
        facts.ends_other |= facts.sees_other && !new.is_empty();
        facts
    }

    /// Whether a read shows the open window of another session. If the read shows this process's gate but the process
    /// has not detached `AWSDenyAll`, the open window belongs to another session.
    fn is_other(&self, seen: Seen, now: i64, lifted: bool) -> bool {
        let gate = seen.gate.map(|id| self.iam.gate(id));
        gate.is_some_and(|gate| {
            let is_own = Some(gate.session) == self.session() && (lifted || !self.role.opens());
            !is_own && seconds(gate.until) > now && !seen.denied
        })
    }

    /// Whether the process holds its window open before T1, and its last two reads had the same answer.
    fn is_confirmed(&self, id: HistoryId, event: Event) -> bool {
        let Facts { phase, until, .. } = self.of(id).facts;
        let is_open = phase == Phase::Open && until.is_some_and(|until| event.now < until);
        let earlier = self.of(id).last.and_then(|(before, _)| self.of(before).last);
        let is_same = earlier.is_some_and(|(before, earlier)| {
            self.of(before).facts.phase == Phase::Open && earlier.answer == event.answer
        });
        is_open && is_same
    }

    /// Whether a read shows that the process's window has ended.
    pub(super) fn is_ended(&self, seen: Seen) -> bool {
        let gate = seen.gate.map(|id| self.iam.gate(id).session);
        seen.denied || gate != self.session()
    }

    fn session(&self) -> Option<SessionId> {
        self.role.session()
    }
}

impl History {
    /// Returns the shortest pause if the process waits only for pauses.
    pub(super) fn pauses(&self) -> Option<u16> {
        let pauses = self.waiting.iter().filter(|(_, request)| *request != Request::Hold);
        let pauses = pauses.map(|(id, request)| match request {
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
