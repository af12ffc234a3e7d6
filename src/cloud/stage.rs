//! What the sequences and the loop share: time, words, the program in the window, and who wants it to stop.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::child::Child;
use super::clock::AwsClock;
use super::console::Shown;
use super::emergency::CloudEmergency;
use super::endpoint::Endpoint;
use super::injected::Failures;
use super::keyboard::Keyboard;
use super::telling::Telling;
use super::words::{self, HowToClose};
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::gate::SessionId;
use crate::gate::iam::World;
use crate::ledger::{Ledger, Record};
use crate::secret::SecretText;
use crate::window::{Instant, countdown};

/// A local clock that is further off than this is worth a line.
const OFF: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// One run of a window, or of a close.
pub(super) struct Stage<'a> {
    pub(super) clock: AwsClock,
    pub(super) ledger: &'a Ledger,
    /// The same, where nothing may be held up.
    pub(super) hurried: Ledger,
    pub(super) events: Events,
    /// Written before the first call; taken when it is.
    pub(super) intent: RefCell<Option<Record>>,
    pub(super) session: Option<SessionId>,
    pub(super) emergency: Option<&'a CloudEmergency>,
    /// What a drill makes fail.
    pub(super) failures: Option<&'a Failures>,
    pub(super) how_to_close: HowToClose,
    pub(super) telling: Telling,
    pub(super) child: RefCell<Option<Child>>,
    pub(super) endpoint: RefCell<Option<Endpoint>>,
    pub(super) keyboard: RefCell<Option<Rc<Keyboard>>>,
    /// Signs in to the console; taken when it is shown.
    pub(super) link: RefCell<Option<SecretText>>,
    /// On its way to a browser.
    pub(super) shown: RefCell<Option<Shown>>,
    /// What is to be said beside the window's end.
    pub(super) failure: RefCell<Option<Error>>,
    pub(super) until: Cell<Option<Timestamp>>,
    /// Proven shut: by the probe, or by reading back.
    pub(super) probed: Cell<Option<bool>>,
    /// Whose window was found open instead of one's own, and until when.
    pub(super) theirs: RefCell<Option<String>>,
    /// Why it is not proven shut.
    pub(super) doubt: RefCell<String>,
    /// IAM did not do what opening takes.
    pub(super) no_control_plane: Cell<bool>,
    /// The window was open, and work in it began.
    pub(super) opened: Cell<bool>,
    /// The end by the boot-time clock.
    pub(super) end: Cell<Option<Instant>>,
    deadline: Cell<Option<Instant>>,
    /// The end of the program in the window, under way: a task of its own, which nothing else holds up.
    ending: RefCell<Option<JoinHandle<String>>>,
    stopped: Cell<bool>,
    gave_up: Cell<bool>,
    wake: Notify,
}

impl<'a> Stage<'a> {
    pub(super) fn new(clock: AwsClock, ledger: &'a Ledger, events: Events, how_to_close: HowToClose) -> Self {
        Self {
            clock,
            ledger,
            hurried: ledger.hurried(),
            events,
            intent: RefCell::default(),
            session: None,
            emergency: None,
            failures: None,
            how_to_close,
            telling: Telling::default(),
            child: RefCell::default(),
            endpoint: RefCell::default(),
            keyboard: RefCell::default(),
            link: RefCell::default(),
            shown: RefCell::default(),
            failure: RefCell::default(),
            until: Cell::default(),
            probed: Cell::default(),
            theirs: RefCell::default(),
            doubt: RefCell::default(),
            no_control_plane: Cell::default(),
            opened: Cell::default(),
            end: Cell::default(),
            deadline: Cell::default(),
            ending: RefCell::default(),
            stopped: Cell::default(),
            gave_up: Cell::default(),
            wake: Notify::new(),
        }
    }

    /// The deadline, once: when it has become known.
    pub(super) fn new_deadline(&self) -> Option<Instant> {
        self.deadline.take()
    }

    pub(super) fn stop_opening(&self) {
        self.stopped.set(true);
        self.wake.notify_waiters();
    }

    pub(super) fn give_up(&self) {
        self.gave_up.set(true);
        self.wake.notify_waiters();
    }

    pub(super) fn shut_by_probe(&self, probed: bool) {
        self.probed.set(Some(probed));
    }

    /// What is true of access once this window is over.
    pub(super) fn is_over(&self) -> String {
        match self.theirs.borrow().as_ref() {
            Some(theirs) => format!("its access is over, and {theirs} was left alone"),
            None => "access is closed, and that is proven".into(),
        }
    }

    pub(super) fn unproven(&self, why: String) {
        *self.doubt.borrow_mut() = why;
    }

    /// A record that is not worth stopping for, once all is over.
    pub(super) fn record(&self, record: Record) {
        self.append(self.ledger, record);
    }

    /// The same while access may be open: nothing may hold up what ends it.
    pub(super) fn record_in_passing(&self, record: Record) {
        self.append(&self.hurried, record);
    }

    fn append(&self, ledger: &Ledger, record: Record) {
        if let Err(error) = ledger.append(self.clock.now(), record) {
            self.say(&format!("warning: {}", error.what));
        }
    }

    pub(super) fn emit(&self, event: Event<'_>) {
        self.events.emit(self.clock.now(), event);
    }

    /// The countdown, where there is a terminal for it.
    pub(super) fn show(&self, left: Duration) {
        if let (Some(keyboard), Some(until)) = (self.keyboard.borrow().as_ref(), self.until.get()) {
            let line = format!("open until {}, {} left; q closes", words::clock(until), countdown(left));
            keyboard.show(&line);
        }
    }

    /// Access by this process ends here: no credentials, no program, no countdown. It returns at once.
    pub(super) fn dismiss(&self) {
        drop(self.shown.take());
        drop(self.keyboard.take());
        drop(self.endpoint.take());
        if let Some(child) = self.child.take() {
            *self.ending.borrow_mut() = Some(tokio::spawn(child.end()));
        }
    }

    /// The same, and waits for it.
    async fn withdraw(&self) {
        self.dismiss();
        let ended = poll_fn(|cx| {
            let mut ending = self.ending.borrow_mut();
            let Some(task) = ending.as_mut() else {
                return Poll::Ready(None);
            };
            let ended = ready!(Pin::new(task).poll(cx));
            *ending = None;
            Poll::Ready(ended.ok())
        });
        if let Some(ended) = ended.await {
            self.say(&format!("close: {ended}"));
        }
    }
}

impl World for Stage<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.wake.notified() => {}
        }
    }

    fn interrupted(&self) -> bool {
        self.stopped.get()
    }

    fn gave_up(&self) -> bool {
        self.gave_up.get()
    }

    fn say(&self, line: &str) {
        if let Some(keyboard) = self.keyboard.borrow().as_ref() {
            keyboard.clear();
        }
        words::say(line);
    }

    async fn tell(&self) -> Result<()> {
        self.tell_first().await
    }

    fn intend(&self) -> Result<()> {
        match self.intent.take() {
            Some(intent) => {
                self.ledger.intend(self.clock.now(), intent.clone())?;
                if let Record::Intent { session, vault, target, window, reason, .. } = &intent {
                    let (session, window) = (*session, *window);
                    self.emit(Event::Intent { session, vault, target, window, reason });
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end_is_set(&self, from: Timestamp, until: Timestamp) -> Result<()> {
        let Some(measured) = self.clock.measured() else {
            return Err(Error::failed("AWS's time was not measured").next("open again"));
        };
        if let Some(session) = self.session {
            self.ledger.append(self.clock.now(), Record::Ends { session, from, until })?;
            self.emit(Event::Ends { session, from, until });
        }
        let off = Timestamp::now().duration_since(self.clock.now());
        if off.abs() > OFF {
            let way = if off.is_negative() { "behind" } else { "ahead of" };
            let seconds = off.unsigned_abs().as_secs();
            self.say(&format!("warning: this machine's clock is {seconds} s {way} AWS's; AWS's counts"));
        }
        let window = until.duration_since(measured.date).unsigned_abs();
        self.until.set(Some(until));
        self.end.set(Some(measured.at + window));
        self.deadline.set(self.end.get());
        Ok(())
    }

    fn enabling(&self) -> Result<()> {
        self.session
            .map_or(Ok(()), |session| self.ledger.append(self.clock.now(), Record::Enabling { session }))
    }

    async fn end_children(&self) {
        self.withdraw().await;
    }
}
