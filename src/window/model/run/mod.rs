//! One run of the state machine, the opening sequence and the closing sequence against a simulated IAM user. The run
//! performs the state machine's actions, in place of the driver.

mod checks;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::{self, Happening, Left, Work};
use crate::boot_clock::Instant;
use crate::gate::close::{CloseOutcome, CloseRequest, close};
use crate::gate::fake::{ACCOUNT, Change, FakeUser, KEY, OpenerOf};
use crate::gate::open::{HandOut, OpenPlan, Stop, open};
use crate::gate::policy::Gate;
use crate::gate::{OpenProgress, SessionId, Window};
use crate::window::{Action, Cause, End, Machine, WindowEvent};

/// A sequence in progress. The test polls this future itself, without a runtime.
type Running<T> = Pin<Box<dyn Future<Output = T>>>;

/// The state of the run. The state machine's actions change the run's state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Opening,
    Open,
    Closing,
    Over(End),
    Killed,
}

pub(super) struct Run {
    pub(super) user: Rc<FakeUser>,
    pub(super) phase: Phase,
    progress: Rc<OpenProgress>,
    machine: Machine,
    opening: Option<Running<Result<Window, Stop>>>,
    closing: Option<Running<CloseOutcome>>,
    queue: VecDeque<WindowEvent>,
    deadline: Option<Instant>,
    work: Work,
    /// Whether the child process runs.
    child: bool,
    /// Whether the event loop has panicked once. A second panic ends the run.
    broken: bool,
    /// The outcome of the last closing sequence.
    outcome: Option<CloseOutcome>,
    /// Whether the window was open at any time.
    pub(super) opened: bool,
}

fn grant() -> Vec<Value> {
    vec![json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})]
}

fn session() -> SessionId {
    SessionId::from_bytes([0x7f; 8])
}

/// Puts the user into the state `left`. An earlier session that was not closed can leave the user in the state `left`.
fn leave_traces(user: &FakeUser, left: Left) {
    let ended = user.clock.get() - SignedDuration::from_mins(5);
    let gate = Gate {
        session: SessionId::from_bytes([1; 8]),
        from: ended - SignedDuration::from_mins(5),
        until: ended,
        grant: &grant(),
        regions: &["eu-west-1".into()],
        mfa: false,
    };
    if left != Left::Nothing {
        *user.gate.borrow_mut() = Some(gate.document());
        user.active.set(true);
        user.denied.set(left == Left::ActiveKey);
    }
}

impl Run {
    pub(super) fn new(world: &world::World) -> Self {
        let user = Rc::new(FakeUser::at_rest());
        user.stepwise.set(true);
        user.grace.set(world.grace);
        user.ahead.set(world.ahead);
        user.wrong.set(world.wrong);
        user.late_by.set(world.late_by);
        user.lag.set(world.lag);
        leave_traces(&user, world.left);
        let progress = Rc::new(OpenProgress::default());
        Self {
            phase: Phase::Opening,
            machine: Machine::new(world.work == Work::Hold),
            opening: Some(opening(user.clone(), progress.clone(), world)),
            closing: None,
            queue: VecDeque::new(),
            deadline: None,
            work: world.work,
            child: false,
            broken: false,
            outcome: None,
            opened: false,
            user,
            progress,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_) | Phase::Killed)
    }

    /// Reports whether the run can end with a proven close if no more faults occur.
    pub(super) fn could_go_well(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Open) && !self.user.breaks.get()
    }

    pub(super) fn goes_on(&mut self, happening: Happening) {
        let user = self.user.clone();
        match happening {
            Happening::Time(seconds) => user.advance(seconds),
            Happening::Suspend(seconds) => user.sleep(seconds),
            Happening::Wrong(wrong, lasting) => {
                user.wrong.set(Some((user.calls.borrow().len(), wrong)));
                user.lasting.set(lasting);
            }
            Happening::LateBy(seconds) => user.late_by.set(seconds),
            Happening::Well => user.wrong.set(None),
            Happening::Latency(seconds) => user.latency.set(seconds),
            Happening::Lag(lag) => user.lag.set(lag),
            Happening::BreaksCall => user.breaks.set(true),
            Happening::PanicSeal => {
                user.apply(Change::Deny(true));
                user.apply(Change::Key(false));
            }
            _ => {}
        }
        if self.is_over() {
            return;
        }
        match happening {
            Happening::Steps(steps) => (0..steps).for_each(|_| self.step()),
            Happening::Calm(seconds) => {
                for _ in 0..seconds {
                    (0..4).for_each(|_| self.step());
                    self.user.advance(1);
                    self.tick();
                }
            }
            Happening::Time(_) | Happening::Suspend(_) => self.tick(),
            Happening::Signal(signal) => self.meets(WindowEvent::Signal(signal)),
            Happening::Quit if self.work == Work::Hold => self.meets(WindowEvent::Quit),
            Happening::ChildEnds if self.child => {
                self.child = false;
                self.meets(WindowEvent::ChildEnded);
            }
            Happening::BreaksLoop => self.breaks(),
            Happening::Kill => {
                (self.opening, self.closing) = (None, None);
                self.phase = Phase::Killed;
            }
            _ => {}
        }
    }

    fn now(&self) -> Instant {
        self.user.boot_time()
    }

    fn tick(&mut self) {
        self.meets(WindowEvent::Tick(self.now()));
    }

    /// Polls each running sequence (opening or closing) once.
    fn step(&mut self) {
        if let Some(opening) = &mut self.opening
            && let Poll::Ready(result) = polled(opening)
        {
            self.opening = None;
            let is_other = matches!(result, Some(Err(Stop::OtherWindow(_))));
            let touched = self.progress.touched() && !is_other;
            self.meets(match result {
                Some(Ok(_)) => WindowEvent::Opened,
                Some(Err(_)) => WindowEvent::NotOpened { touched },
                None => WindowEvent::Panicked,
            });
        }
        if let Some(closing) = &mut self.closing
            && let Poll::Ready(outcome) = polled(closing)
        {
            self.closing = None;
            let proven = outcome.as_ref().is_some_and(CloseOutcome::is_proven);
            self.outcome = outcome;
            self.meets(WindowEvent::Closed { proven });
        }
    }

    /// Passes an event to the state machine, and then the events that the machine's actions add to the queue.
    fn meets(&mut self, event: WindowEvent) {
        self.queue.push_back(event);
        while let Some(event) = self.queue.pop_front() {
            if let (None, Some(Window { deadline, .. })) = (self.deadline, self.user.window.get()) {
                self.deadline = Some(deadline);
                (self.machine, _) = self.machine.handle(WindowEvent::EndSet(deadline));
            }
            let actions;
            (self.machine, actions) = self.machine.handle(event);
            self.act(actions);
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::StopOpening => {
                    self.user.stop_at.set(Some(0));
                    self.user.wake();
                }
                Action::Begin => {
                    self.phase = Phase::Open;
                    self.opened = true;
                    self.child = self.work == Work::Program;
                    if self.work == Work::NoProgram {
                        self.queue.push_back(WindowEvent::ChildEnded);
                    }
                }
                Action::EndChild => self.user.dismiss(),
                Action::Close => {
                    self.opening = None;
                    self.phase = Phase::Closing;
                    self.closing = Some(closing(self.user.clone(), self.progress.clone()));
                }
                Action::GiveUp => {
                    self.user.gave_up.set(true);
                    self.user.wake();
                }
                Action::Finish(end) => self.finish(end),
                Action::Show(_) | Action::Warn(_) | Action::Forward(_) | Action::SayWhatIsLeft => {}
            }
        }
    }

    /// Simulates a panic of the event loop: drops both sequences and starts a new close. After a second panic, ends
    /// the run.
    fn breaks(&mut self) {
        (self.opening, self.closing) = (None, None);
        self.queue.clear();
        if std::mem::replace(&mut self.broken, true) {
            return self.finish(End::MayBeOpen(Cause::Panicked));
        }
        let actions;
        (self.machine, actions) = Machine::closing(Cause::Panicked);
        self.act(actions);
    }

    /// Ends the child process and the run, as the real driver does.
    fn finish(&mut self, end: End) {
        self.user.dismiss();
        self.phase = Phase::Over(end);
    }
}

/// Polls a sequence once. The output is `None` if the sequence panicked.
fn polled<T>(running: &mut Running<T>) -> Poll<Option<T>> {
    let mut context = Context::from_waker(Waker::noop());
    match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut context))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    }
}

fn opening(
    user: Rc<FakeUser>,
    progress: Rc<OpenProgress>,
    world: &world::World,
) -> Running<Result<Window, Stop>> {
    let window = Duration::from_secs(world.window.into());
    let hand_out = if world.work == Work::Hold { HandOut::Nothing } else { HandOut::Session };
    Box::pin(async move {
        let plan = OpenPlan {
            expected: &FakeUser::expected(),
            account: ACCOUNT,
            grant: &grant(),
            regions: &["eu-west-1".into()],
            mfa: false,
            session: session(),
            window,
            hand_out,
            close: "breakglass close prod.age --force",
        };
        open(OpenerOf(&user), &*user, &*user, &plan, &progress, &*user).await
    })
}

fn closing(user: Rc<FakeUser>, progress: Rc<OpenProgress>) -> Running<CloseOutcome> {
    Box::pin(async move {
        let expected = FakeUser::expected();
        let until = user.window.get().map(|window| window.until);
        let request = CloseRequest {
            deny: &expected.deny,
            key: Some(KEY),
            session: Some(session()),
            lifted: progress.lifted(),
            until,
        };
        close(&*user, &*user, &request, progress.pending(), &*user).await
    })
}
