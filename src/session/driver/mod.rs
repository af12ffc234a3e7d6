//! The loop that turns what happens into events, and the window's actions into deeds.

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::aws::fault_injection::InjectedFaults;
use crate::boot_clock::Instant;
use crate::error::Error;
use crate::events;
use crate::gate::host::{Children, Reporter};
use crate::gate::open::Stop;
use crate::gate::{OpenProgress, Window};
use crate::ledger::Record;
use crate::session::closer::Shut;
use crate::session::context::Stage;
use crate::session::messages;
use crate::session::work::child::{Child, Work};
use crate::session::work::console;
use crate::session::work::endpoint::Endpoint;
use crate::terminal::keyboard::Keyboard;
use crate::terminal::signals::{Received, SessionSignals};
use crate::window::{Action, Cause, End, Event, Machine, left};

/// A future that runs on this thread; `None` when it panicked.
type Running<'a, T> = Pin<Box<dyn Future<Output = Option<T>> + 'a>>;

/// The opening, while it runs.
pub(crate) type Opening<'a> = Running<'a, Result<Window, Stop>>;

/// Polls to the end; a panic on the way is caught.
pub(crate) fn caught<'a, T: 'a>(future: impl Future<Output = T> + 'a) -> Running<'a, T> {
    let mut inner = Box::pin(future);
    Box::pin(poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))) {
        Ok(Poll::Ready(out)) => Poll::Ready(Some(out)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    }))
}

/// Drives a window from its opening to its end, and closes whatever happens on the way, a panic included.
pub(crate) async fn drive<S: Shut>(
    stage: &Stage<'_>,
    trail: &OpenProgress,
    opening: Opening<'_>,
    closing: &S,
    work: &Work,
    signals: &mut SessionSignals,
) -> End {
    let machine = Machine::new(work.is_held());
    let run = Run::new(stage, trail, closing, Some((opening, work)));
    let end = match caught(run.until_over(signals, machine, Vec::new())).await {
        Some(end) => end,
        None => shut(stage, trail, closing, signals, Cause::Panicked).await,
    };
    // A close that broke may not have come to it.
    stage.end_children().await;
    end
}

/// Only closes.
pub(crate) async fn shut<S: Shut>(
    stage: &Stage<'_>,
    trail: &OpenProgress,
    closing: &S,
    signals: &mut SessionSignals,
    cause: Cause,
) -> End {
    let (machine, actions) = Machine::closing(cause);
    let run = Run::new(stage, trail, closing, None);
    caught(run.until_over(signals, machine, actions)).await.unwrap_or(End::MayBeOpen(cause))
}

/// One window or one close, under way.
struct Run<'a, S> {
    stage: &'a Stage<'a>,
    trail: &'a OpenProgress,
    closing: &'a S,
    work: &'a Work,
    opening: Option<Opening<'a>>,
    shutting: Option<Running<'a, bool>>,
    queue: VecDeque<Event>,
    seconds: Interval,
    /// Until it has passed.
    deadline: Option<Instant>,
}

impl<'a, S: Shut> Run<'a, S> {
    fn new(
        stage: &'a Stage<'_>,
        trail: &'a OpenProgress,
        closing: &'a S,
        window: Option<(Opening<'a>, &'a Work)>,
    ) -> Self {
        let (opening, work) = window.map_or((None, &Work::Hold), |(opening, work)| (Some(opening), work));
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            stage,
            trail,
            closing,
            work,
            opening,
            shutting: None,
            queue: VecDeque::new(),
            seconds,
            deadline: None,
        }
    }

    async fn until_over(
        mut self,
        signals: &mut SessionSignals,
        mut machine: Machine,
        mut actions: Vec<Action>,
    ) -> End {
        loop {
            for action in std::mem::take(&mut actions) {
                if let Action::Finish(end) = action {
                    return end;
                }
                self.act(action);
            }
            let event = match self.queue.pop_front() {
                Some(event) => event,
                None => self.next(signals).await,
            };
            if let Some(deadline) = self.stage.new_deadline() {
                self.deadline = Some(deadline);
                (machine, _) = machine.on(Event::EndSet(deadline));
            }
            (machine, actions) = machine.on(event);
        }
    }

    fn act(&mut self, action: Action) {
        let stage = self.stage;
        match action {
            Action::StopOpening => {
                stage.say("gate: stopping at the next safe place");
                stage.stop_opening();
            }
            Action::Begin => self.queue.extend(begin(stage, self.work)),
            Action::Show(time) => stage.show(time),
            Action::Warn(minutes) => {
                stage.emit(events::Event::Left { minutes });
                warn(stage, minutes);
            }
            Action::Forward(number) => {
                if let Some(child) = stage.child.borrow().as_ref() {
                    child.forward(number);
                }
            }
            Action::EndChild => stage.dismiss(),
            Action::Close => {
                stage.emit(events::Event::Closing);
                if let Some(cut) = stage.faults.and_then(InjectedFaults::begin_close) {
                    stage.say(&format!("drill: nothing answers for the next {} s", cut.as_secs()));
                }
                drop(self.opening.take());
                drop(stage.shown.take());
                drop(stage.keyboard.take());
                drop(stage.endpoint.take());
                self.shutting = Some(caught(self.closing.shut(stage, self.trail)));
            }
            Action::SayWhatIsLeft => say_what_is_left(stage, self.closing),
            Action::GiveUp => stage.give_up(),
            Action::Finish(_) => {}
        }
    }

    /// Waits for the next event; signals come first.
    async fn next(&mut self, signals: &mut SessionSignals) -> Event {
        let stage = self.stage;
        loop {
            tokio::select! {
                biased;
                received = signals.next() => match received {
                    Received::End(signal) => return Event::Signal(signal),
                    Received::Child if has_ended(stage) => return Event::ChildEnded,
                    Received::Child => {}
                },
                () = reached(self.deadline) => {
                    // The second may be a little early, and comes again.
                    let now = Instant::now();
                    self.deadline = self.deadline.filter(|deadline| now < *deadline);
                    return Event::Tick(now);
                }
                result = maybe(&mut self.opening) => {
                    self.opening = None;
                    return opened(stage, self.trail, result);
                }
                proven = maybe(&mut self.shutting) => {
                    self.shutting = None;
                    return Event::Closed { proven: proven.unwrap_or(false) };
                }
                () = quit(stage) => return Event::Quit,
                _ = self.seconds.tick() => {
                    stage.hear();
                    if has_ended(stage) {
                        self.queue.push_back(Event::ChildEnded);
                    }
                    return Event::Tick(Instant::now());
                }
            }
        }
    }
}

async fn maybe<T>(running: &mut Option<Running<'_, T>>) -> Option<T> {
    match running {
        Some(running) => running.await,
        None => pending().await,
    }
}

/// Not late, as the next second would be; after a sleep of this machine, that second is sooner.
async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(Instant::now())).await,
        None => pending().await,
    }
}

/// `q`; never where the keyboard is not ours.
async fn quit(stage: &Stage<'_>) {
    let keyboard = stage.keyboard.borrow().clone();
    match keyboard {
        Some(keyboard) => keyboard.quit().await,
        None => pending().await,
    }
}

fn has_ended(stage: &Stage<'_>) -> bool {
    stage.child.borrow_mut().as_mut().is_some_and(Child::has_ended)
}

/// What became of the opening.
fn opened(stage: &Stage<'_>, trail: &OpenProgress, result: Option<Result<Window, Stop>>) -> Event {
    match result {
        Some(Ok(Window { from, until, .. })) => {
            stage.opened.set(true);
            stage.say(&format!("gate: open, ends {}", messages::clock(until)));
            if let Some(session) = stage.session {
                stage.record_in_passing(Record::Opened { session, from, until });
                stage.emit(events::Event::Opened { session, from, until });
                let issued =
                    stage.emergency.and_then(|e| e.issued().as_ref().map(|issued| issued.id.clone()));
                if let Some(access_key_id) = issued {
                    stage.record_in_passing(Record::Issued { session, access_key_id });
                }
            }
            Event::Opened
        }
        Some(Err(stop)) => {
            stage.no_control_plane.set(matches!(stop, Stop::ControlPlane(_)));
            if let Stop::Failed(error) | Stop::ControlPlane(error) = stop {
                if trail.touched() {
                    stage.say(&format!("gate: {}; closing", error.what));
                }
                *stage.failure.borrow_mut() = Some(error);
            }
            Event::NotOpened { touched: trail.touched() }
        }
        None => Event::Panicked,
    }
}

/// Starts the program, or shows that the window is held.
fn begin(stage: &Stage<'_>, work: &Work) -> Option<Event> {
    if work.is_held() {
        if let Some(link) = stage.link.take() {
            *stage.shown.borrow_mut() = Some(console::show(link));
        }
        *stage.keyboard.borrow_mut() = Keyboard::open().map(Rc::new);
        return None;
    }
    match start(stage, work) {
        Ok(child) => {
            *stage.child.borrow_mut() = Some(child);
            None
        }
        Err(why) => {
            let error = Error::failed(format!("the command could not be started: {why}"));
            *stage.failure.borrow_mut() = Some(error.next("check the command, then open again"));
            Some(Event::ChildEnded)
        }
    }
}

fn start(stage: &Stage<'_>, work: &Work) -> std::io::Result<Child> {
    let missing = || std::io::Error::other("there is no session to hand out");
    let until = stage.until.get().ok_or_else(missing)?;
    let emergency = stage.emergency.ok_or_else(missing)?;
    let endpoint = match emergency.issued().as_ref() {
        Some(issued) => Endpoint::start(issued, until, stage.clock.clone())?,
        None => return Err(missing()),
    };
    let region = emergency.region().to_owned();
    let mut access = vec![
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("BREAKGLASS_UNTIL", until.to_string()),
    ];
    access.extend(endpoint.environment());
    *stage.endpoint.borrow_mut() = Some(endpoint);
    let end = stage.end.get().ok_or_else(missing)?;
    Child::start(work, &access, end, stage.events.are_wanted())
}

/// Only where no countdown says it: whoever reads stderr elsewhere does not see the terminal.
fn warn(stage: &Stage<'_>, minutes: u64) {
    if stage.keyboard.borrow().is_none() || !std::io::stderr().is_terminal() {
        stage.say(&format!("breakglass: {}", left(minutes)));
    }
}

fn say_what_is_left(stage: &Stage<'_>, closing: &impl Shut) {
    stage.say(&format!(
        "close: not done yet: {}. Once more and this stops waiting for the proof; then access may still be open",
        closing.what_is_left()
    ));
}

#[cfg(test)]
mod tests;
