//! The context of a run. The context implements the traits through which the opening sequence and the closing sequence
//! in [`crate::gate`] call the application.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::Result;
use crate::events::Event;
use crate::gate::host::{Children, Clock, OpenHooks, Patience, Reporter};
use crate::gate::{SessionId, Window};
use crate::ledger::Record;
use crate::session::announce::Announcer;
use crate::session::interrupt::Interrupt;
use crate::session::log::Log;
use crate::session::runner::Runner;

/// The program warns if the local clock differs from AWS's clock by more than this duration.
const CLOCK_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

pub(crate) struct RunContext<'a> {
    pub(crate) log: &'a Log<'a>,
    pub(crate) announcer: &'a Announcer<'a>,
    pub(crate) runner: Runner<'a>,
    pub(crate) interrupt: Interrupt,
    /// The session that the run opens. `None` for a close.
    intent: Option<IntendedSession<'a>>,
    window: Cell<Option<Window>>,
}

/// The session that a run opens, with the record of its intent.
#[derive(Clone, Copy)]
pub(crate) struct IntendedSession<'a> {
    pub(crate) session: SessionId,
    pub(crate) record: &'a Record,
}

impl<'a> RunContext<'a> {
    pub(crate) fn new(
        log: &'a Log<'a>,
        announcer: &'a Announcer<'a>,
        runner: Runner<'a>,
        intent: Option<IntendedSession<'a>>,
    ) -> Self {
        Self { log, announcer, runner, interrupt: Interrupt::default(), intent, window: Cell::default() }
    }

    /// Returns the session that this run opens. Returns `None` for a close.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.intent.map(|intent| intent.session)
    }

    /// Returns the window. Returns `None` until the window is recorded in the ledger.
    pub(crate) fn window(&self) -> Option<Window> {
        self.window.get()
    }
}

impl Clock for RunContext<'_> {
    fn now(&self) -> Timestamp {
        self.log.now()
    }

    async fn pause(&self, time: Duration) {
        self.interrupt.pause(time).await;
    }
}

impl Patience for RunContext<'_> {
    fn interrupted(&self) -> bool {
        self.interrupt.stops_opening()
    }

    fn gave_up(&self) -> bool {
        self.interrupt.gave_up()
    }

    async fn given_up(&self) {
        self.interrupt.given_up().await;
    }
}

impl Reporter for RunContext<'_> {
    fn say(&self, line: &str) {
        self.log.say(line);
    }
}

impl OpenHooks for RunContext<'_> {
    async fn alert(&self) -> Result<()> {
        self.announcer.announce_opening(&self.interrupt).await
    }

    fn record_intent(&self) -> Result<()> {
        let Some(IntendedSession { record, .. }) = self.intent else { return Ok(()) };
        self.log.intend(record.clone())?;
        if let Record::Intent { session, vault, target, window, reason, .. } = record {
            let (session, window) = (*session, *window);
            self.log.emit(Event::Intent { session, vault, target, window, reason });
        }
        Ok(())
    }

    fn record_window(&self, window: &Window) -> Result<()> {
        let Window { from, until, .. } = *window;
        if let Some(session) = self.session() {
            self.log.require(Record::Window { session, from, until })?;
            self.log.emit(Event::Window { session, from, until });
        }
        self.warn_of_clock();
        self.window.set(Some(*window));
        Ok(())
    }

    fn record_enabling(&self) -> Result<()> {
        self.session().map_or(Ok(()), |session| self.log.require(Record::Enabling { session }))
    }
}

impl Children for RunContext<'_> {
    async fn end_children(&self) {
        self.runner.end().await;
    }
}

impl RunContext<'_> {
    fn warn_of_clock(&self) {
        let difference = Timestamp::now().duration_since(self.log.now());
        if difference.abs() > CLOCK_TOLERANCE {
            let side = if difference.is_negative() { "behind" } else { "ahead of" };
            let seconds = difference.unsigned_abs().as_secs();
            self.log.say(&format!(
                "warning: this machine's clock is {seconds} s {side} AWS's; AWS's time is used"
            ));
        }
    }
}
