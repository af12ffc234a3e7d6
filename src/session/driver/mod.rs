//! The event loop of a run. The loop turns signals, timers and results into events for the window's state machine, and
//! performs the actions that the state machine returns.

mod futures;

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior};

use crate::aws::fault_injection::InjectedFaults;
use crate::boot_clock::Instant;
use crate::error::Error;
use crate::events;
use crate::gate::close::CloseOutcome;
use crate::gate::host::{Children as _, Clock as _};
use crate::gate::open::Stop;
use crate::gate::{Lost, OpenProgress, Window};
use crate::ledger::Record;
use crate::session::closer::CloseStrategy;
use crate::session::context::RunContext;
use crate::session::messages;
use crate::session::outcome::RunOutcome;
use crate::session::runner::Opened;
use crate::terminal::signals::{Received, SessionSignals};
use crate::time_text;
use crate::window::{Action, Cause, End, Machine, WindowEvent};
use futures::{Caught, caught, output, passed, reached};

/// How long the closing sequence can continue after the operator has stopped waiting. Usually the sequence ends at
/// once; only the end of the operator's command can delay the sequence.
const LAST_CALLS: Duration = Duration::from_millis(900);

/// The inputs of a run.
pub(crate) struct Run<'a, S> {
    pub(crate) context: &'a RunContext<'a>,
    pub(crate) progress: &'a OpenProgress,
    pub(crate) strategy: &'a S,
    /// T1 of the window to close, if T1 is known. `None` for an opening, because an opening computes T1 itself.
    pub(crate) until: Option<Timestamp>,
}

impl<S> Clone for Run<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Run<'_, S> {}

impl<'a, S: CloseStrategy> Run<'a, S> {
    /// Opens a window, keeps the window open until a cause ends it, and closes access. Also closes the window after a
    /// panic.
    pub(crate) async fn open(
        self,
        opening: impl Future<Output = Result<Opened, Stop>> + 'a,
        faults: &'a InjectedFaults,
        signals: &mut SessionSignals,
    ) -> RunOutcome {
        let machine = Machine::new(self.context.runner.is_held());
        let mut run = Loop::new(self);
        run.opening = Some(caught(opening));
        run.faults = Some(faults);
        let outcome = match caught(run.until_over(signals, machine, Vec::new())).await {
            Some(outcome) => outcome,
            None => self.close(Cause::Panicked, signals).await,
        };
        // If the close panicked, the operator's command might still run.
        self.context.end_children().await;
        outcome
    }

    /// Closes the access that an earlier run left open.
    pub(crate) async fn close(self, cause: Cause, signals: &mut SessionSignals) -> RunOutcome {
        let (machine, actions) = Machine::closing(cause);
        let outcome = caught(Loop::new(self).until_over(signals, machine, actions)).await;
        outcome.unwrap_or_else(|| self.outcome(End::MayBeOpen(cause)))
    }

    fn outcome(&self, end: End) -> RunOutcome {
        RunOutcome {
            window: self.context.window(),
            was_stopped: self.context.interrupt.stops_opening(),
            was_enabled: self.progress.lifted(),
            ..RunOutcome::new(end)
        }
    }
}

struct Loop<'a, S> {
    run: Run<'a, S>,
    opening: Option<Caught<'a, Result<Opened, Stop>>>,
    faults: Option<&'a InjectedFaults>,
    closing: Option<Caught<'a, CloseOutcome>>,
    /// Waits until another process closes or replaces the open window.
    watch: Option<Caught<'a, Lost>>,
    /// The open window. `None` before the window is open, and after the operator's command was started.
    ready: Option<Opened>,
    /// When the window opened, by AWS's clock. `None` if the window has not opened.
    opened_at: Option<Timestamp>,
    /// When the operator stopped waiting for the proof that access is closed.
    gave_up: Option<tokio::time::Instant>,
    failure: Option<Stop>,
    closed: Option<CloseOutcome>,
    queue: VecDeque<WindowEvent>,
    seconds: Interval,
    /// The end of the window by the boot-time clock. `None` before the end is known, and after the end has passed.
    deadline: Option<Instant>,
    knows_deadline: bool,
}

impl<'a, S: CloseStrategy> Loop<'a, S> {
    fn new(run: Run<'a, S>) -> Self {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            run,
            opening: None,
            faults: None,
            closing: None,
            watch: None,
            ready: None,
            opened_at: None,
            gave_up: None,
            failure: None,
            closed: None,
            queue: VecDeque::new(),
            seconds,
            deadline: None,
            knows_deadline: false,
        }
    }

    async fn until_over(
        mut self,
        signals: &mut SessionSignals,
        mut machine: Machine,
        mut actions: Vec<Action>,
    ) -> RunOutcome {
        loop {
            for action in std::mem::take(&mut actions) {
                if let Action::Finish(end) = action {
                    return self.outcome(end);
                }
                self.act(action);
            }
            let event = match self.queue.pop_front() {
                Some(event) => event,
                None => self.next(signals).await,
            };
            if let Some(deadline) = self.new_deadline() {
                (machine, _) = machine.handle(WindowEvent::EndSet(deadline));
            }
            (machine, actions) = machine.handle(event);
        }
    }

    fn outcome(self, end: End) -> RunOutcome {
        let Self { run, opened_at, failure, closed, .. } = self;
        let open_for = opened_at.map(|at| run.context.now().duration_since(at).unsigned_abs());
        let command = run.context.runner.command_end();
        RunOutcome { open_for, command, failure, closed, ..run.outcome(end) }
    }

    /// Returns the deadline on the first call after the deadline is known. All earlier and later calls return `None`.
    fn new_deadline(&mut self) -> Option<Instant> {
        let window = self.run.context.window().filter(|_| !self.knows_deadline)?;
        self.knows_deadline = true;
        self.deadline = Some(window.deadline);
        self.deadline
    }

    fn act(&mut self, action: Action) {
        let RunContext { log, runner, interrupt, .. } = self.run.context;
        match action {
            Action::StopOpening => {
                log.say("gate: stopping before the next write");
                interrupt.stop_opening();
            }
            Action::Begin => self.begin(),
            Action::Show(time) => runner.show(time),
            Action::Warn(minutes) => {
                log.emit(events::Event::TimeLeft { minutes });
                runner.warn(minutes);
            }
            Action::Forward(signal) => runner.forward(signal),
            Action::EndChild => runner.dismiss(),
            Action::Close => self.begin_close(),
            Action::SayWhatIsLeft => log.say(&format!(
                "close: not finished: {}. Press Ctrl-C again to stop waiting for the proof; access may then still be \
                 open",
                self.run.strategy.remaining()
            )),
            Action::GiveUp => {
                interrupt.give_up();
                self.gave_up.get_or_insert_with(tokio::time::Instant::now);
            }
            Action::Finish(_) => {}
        }
    }

    fn begin(&mut self) {
        let Some(opened) = self.ready.take() else { return };
        let Run { context, strategy, .. } = self.run;
        self.watch = Some(caught(strategy.until_lost(context)));
        if let Err(error) = self.run.context.runner.begin(opened) {
            self.failure = Some(Stop::Failed(error));
            self.queue.push_back(WindowEvent::ChildEnded);
        }
    }

    fn begin_close(&mut self) {
        let Run { context, progress, strategy, until } = self.run;
        context.log.emit(events::Event::Closing);
        if let Some(cut) = self.faults.and_then(InjectedFaults::begin_close) {
            context.log.say(&format!("drill: the network is cut for {} s", cut.as_secs()));
        }
        drop((self.opening.take(), self.watch.take()));
        context.runner.withhold();
        let until = context.window().map(|window| window.until).or(until);
        self.closing = Some(caught(strategy.close(context, progress, until)));
    }

    /// Waits for the next event. Signals have priority.
    async fn next(&mut self, signals: &mut SessionSignals) -> WindowEvent {
        let RunContext { announcer, runner, .. } = self.run.context;
        loop {
            tokio::select! {
                biased;
                received = signals.next() => match received {
                    Received::End(signal) => return WindowEvent::Signal(signal),
                    Received::Child if runner.has_ended() => return WindowEvent::ChildEnded,
                    Received::Child => {}
                },
                () = reached(self.deadline) => {
                    // The timer can fire before the deadline. After an early timer, the deadline stays set, so the
                    // timer starts again.
                    let now = Instant::now();
                    self.deadline = self.deadline.filter(|deadline| now < *deadline);
                    return WindowEvent::Tick(now);
                }
                result = output(&mut self.opening) => {
                    self.opening = None;
                    return self.opened(result);
                }
                outcome = output(&mut self.closing) => {
                    self.closing = None;
                    let proven = outcome.as_ref().is_some_and(CloseOutcome::is_proven);
                    self.closed = outcome;
                    return WindowEvent::Closed { proven };
                }
                () = passed(self.gave_up, LAST_CALLS) => return self.abandon_close(),
                () = runner.quit() => return WindowEvent::Quit,
                lost = output(&mut self.watch) => {
                    self.watch = None;
                    return self.lost(lost);
                }
                _ = self.seconds.tick() => {
                    announcer.collect();
                    if runner.has_ended() {
                        self.queue.push_back(WindowEvent::ChildEnded);
                    }
                    return WindowEvent::Tick(Instant::now());
                }
            }
        }
    }

    fn opened(&mut self, result: Option<Result<Opened, Stop>>) -> WindowEvent {
        match result {
            Some(Ok(opened)) => {
                self.report_opened(&opened);
                self.opened_at = Some(self.run.context.now());
                self.ready = Some(opened);
                WindowEvent::Opened
            }
            Some(Err(stop)) => {
                let is_other = matches!(stop, Stop::OtherWindow(_));
                let touched = self.run.progress.touched() && !is_other;
                if let Some(Error { what, .. }) = error(&stop).filter(|_| touched) {
                    self.run.context.log.say(&format!("gate: {what}; closing"));
                }
                self.failure = Some(stop);
                WindowEvent::NotOpened { touched }
            }
            None => WindowEvent::Panicked,
        }
    }

    /// Ends the close although AWS has not answered a call yet.
    fn abandon_close(&mut self) -> WindowEvent {
        (self.gave_up, self.closing) = (None, None);
        let why = format!("you stopped waiting for AWS: {}", self.run.strategy.remaining());
        self.closed = Some(CloseOutcome::Unproven { why, until: None });
        WindowEvent::Closed { proven: false }
    }

    fn lost(&self, lost: Option<Lost>) -> WindowEvent {
        let Some(lost) = lost else { return WindowEvent::Panicked };
        self.run.context.log.say(&match lost {
            Lost::Closed => "gate: another process closed this window".to_owned(),
            Lost::Replaced { session, until } => format!(
                "gate: session {session} replaced this window's gate; its gate ends {}",
                time_text::local(until)
            ),
        });
        WindowEvent::Lost(lost)
    }

    fn report_opened(&self, opened: &Opened) {
        let RunContext { log, runner, .. } = self.run.context;
        let Window { from, until, .. } = opened.window;
        log.say(&format!("gate: open, ends {}", time_text::local(until)));
        if !opened.runbook.trim().is_empty() {
            log.say(&messages::runbook(&opened.runbook));
        }
        let Some(session) = self.run.context.session() else { return };
        log.record_hurried(Record::Opened { session, from, until });
        log.emit(events::Event::Opened { session, from, until });
        if let Some(access_key_id) = runner.issued_key() {
            log.record_hurried(Record::Issued { session, access_key_id });
        }
    }
}

fn error(stop: &Stop) -> Option<&Error> {
    match stop {
        Stop::Interrupted => None,
        Stop::Failed(error) | Stop::ControlPlane(error) | Stop::OtherWindow(error) => Some(error),
    }
}

#[cfg(test)]
mod tests;
