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

use crate::aws::clock::AwsClock;
use crate::aws::emergency::EmergencyUser;
use crate::aws::fault_injection::InjectedFaults;
use crate::boot_clock::Instant;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::gate::host::{Children, Clock, OpenHooks, Patience, Reporter};
use crate::gate::{SessionId, Window};
use crate::ledger::{Ledger, Record};
use crate::secret::SecretText;
use crate::session::announce::Telling;
use crate::session::messages::{self, HowToClose};
use crate::session::work::child::Child;
use crate::session::work::console::Shown;
use crate::session::work::endpoint::Endpoint;
use crate::terminal::keyboard::Keyboard;
use crate::terminal::print;
use crate::window::countdown;

/// A local clock that is further off than this is worth a line.
const OFF: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// One run of a window, or of a close.
pub(crate) struct Stage<'a> {
    pub(crate) clock: AwsClock,
    pub(crate) ledger: &'a Ledger,
    /// The same, where nothing may be held up.
    pub(crate) hurried: Ledger,
    pub(crate) events: Events,
    /// Written before the first call; taken when it is.
    pub(crate) intent: RefCell<Option<Record>>,
    pub(crate) session: Option<SessionId>,
    pub(crate) emergency: Option<&'a EmergencyUser>,
    /// What a drill makes fail.
    pub(crate) faults: Option<&'a InjectedFaults>,
    pub(crate) how_to_close: HowToClose,
    pub(crate) telling: Telling,
    pub(crate) child: RefCell<Option<Child>>,
    pub(crate) endpoint: RefCell<Option<Endpoint>>,
    pub(crate) keyboard: RefCell<Option<Rc<Keyboard>>>,
    /// Signs in to the console; taken when it is shown.
    pub(crate) link: RefCell<Option<SecretText>>,
    /// On its way to a browser.
    pub(crate) shown: RefCell<Option<Shown>>,
    /// What is to be said beside the window's end.
    pub(crate) failure: RefCell<Option<Error>>,
    pub(crate) until: Cell<Option<Timestamp>>,
    /// Proven shut: by the probe, or by reading back.
    pub(crate) probed: Cell<Option<bool>>,
    /// Whose window was found open instead of one's own, and until when.
    pub(crate) theirs: RefCell<Option<String>>,
    /// Why it is not proven shut.
    pub(crate) doubt: RefCell<String>,
    /// IAM did not do what opening takes.
    pub(crate) no_control_plane: Cell<bool>,
    /// The window was open, and work in it began.
    pub(crate) opened: Cell<bool>,
    /// The end by the boot-time clock.
    pub(crate) end: Cell<Option<Instant>>,
    deadline: Cell<Option<Instant>>,
    /// The end of the program in the window, under way: a task of its own, which nothing else holds up.
    ending: RefCell<Option<JoinHandle<String>>>,
    stopped: Cell<bool>,
    gave_up: Cell<bool>,
    wake: Notify,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(clock: AwsClock, ledger: &'a Ledger, events: Events, how_to_close: HowToClose) -> Self {
        Self {
            clock,
            ledger,
            hurried: ledger.hurried(),
            events,
            intent: RefCell::default(),
            session: None,
            emergency: None,
            faults: None,
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
    pub(crate) fn new_deadline(&self) -> Option<Instant> {
        self.deadline.take()
    }

    pub(crate) fn stop_opening(&self) {
        self.stopped.set(true);
        self.wake.notify_waiters();
    }

    pub(crate) fn give_up(&self) {
        self.gave_up.set(true);
        self.wake.notify_waiters();
    }

    pub(crate) fn shut_by_probe(&self, probed: bool) {
        self.probed.set(Some(probed));
    }

    /// What is true of access once this window is over.
    pub(crate) fn is_over(&self) -> String {
        match self.theirs.borrow().as_ref() {
            Some(theirs) => format!("its access is over, and {theirs} was left alone"),
            None => "access is closed, and that is proven".into(),
        }
    }

    pub(crate) fn unproven(&self, why: String) {
        *self.doubt.borrow_mut() = why;
    }

    /// A record that is not worth stopping for, once all is over.
    pub(crate) fn record(&self, record: Record) {
        self.append(self.ledger, record);
    }

    /// The same while access may be open: nothing may hold up what ends it.
    pub(crate) fn record_in_passing(&self, record: Record) {
        self.append(&self.hurried, record);
    }

    fn append(&self, ledger: &Ledger, record: Record) {
        if let Err(error) = ledger.append(self.clock.now(), record) {
            self.say(&format!("warning: {}", error.what));
        }
    }

    pub(crate) fn emit(&self, event: Event<'_>) {
        self.events.emit(self.clock.now(), event);
    }

    /// The countdown, where there is a terminal for it.
    pub(crate) fn show(&self, left: Duration) {
        if let (Some(keyboard), Some(until)) = (self.keyboard.borrow().as_ref(), self.until.get()) {
            let line = format!("open until {}, {} left; q closes", messages::clock(until), countdown(left));
            keyboard.show(&line);
        }
    }

    /// Access by this process ends here: no credentials, no program, no countdown. It returns at once.
    pub(crate) fn dismiss(&self) {
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

impl Clock for Stage<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.wake.notified() => {}
        }
    }
}

impl Patience for Stage<'_> {
    fn interrupted(&self) -> bool {
        self.stopped.get()
    }

    fn gave_up(&self) -> bool {
        self.gave_up.get()
    }
}

impl Reporter for Stage<'_> {
    fn say(&self, line: &str) {
        if let Some(keyboard) = self.keyboard.borrow().as_ref() {
            keyboard.clear();
        }
        print::progress(line);
    }
}

impl OpenHooks for Stage<'_> {
    async fn alert(&self) -> Result<()> {
        self.tell_first().await
    }

    fn record_intent(&self) -> Result<()> {
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

    fn record_window(&self, window: &Window) -> Result<()> {
        let Window { from, until, deadline } = *window;
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
        self.until.set(Some(until));
        self.end.set(Some(deadline));
        self.deadline.set(Some(deadline));
        Ok(())
    }

    fn record_enabling(&self) -> Result<()> {
        self.session
            .map_or(Ok(()), |session| self.ledger.append(self.clock.now(), Record::Enabling { session }))
    }
}

impl Children for Stage<'_> {
    async fn end_children(&self) {
        self.withdraw().await;
    }
}
