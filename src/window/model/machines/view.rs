//! The ports of one process. A call through a port waits until the exploration answers the call.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;

use super::iam::{Answer, Iam, Request, World, at, boot_time};
use crate::error::Result;
use crate::gate::fake::{ACCOUNT, OpenerOf, now};
use crate::gate::fault::{Fault, Write};
use crate::gate::host::{Children, Clock, OpenHooks, Patience, Reporter};
use crate::gate::iam::{Caller, Closer, Emergency, Identity, Opener, Probed, Wanted};
use crate::gate::snapshot::{AccessState, Snapshot};
use crate::gate::{OpenProgress, Window};

/// What a process is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Phase {
    Opening,
    Open,
    Closing,
}

/// The ports of one process, and the facts that the process has noted so far.
pub(super) struct View {
    iam: Rc<Iam>,
    /// AWS's clock at the last answer, in seconds since the start.
    pub(super) now: Cell<i64>,
    asked: Cell<u16>,
    /// The requests that have no answer yet, with their numbers.
    pub(super) waiting: RefCell<Vec<(u16, Request)>>,
    pub(super) answer: Cell<Option<(u16, Answer)>>,
    /// Whether a write was cancelled before it was answered.
    pub(super) is_write_cancelled: Cell<bool>,
    pub(super) phase: Cell<Phase>,
    pub(super) window: Cell<Option<Window>>,
    pub(super) issued: Cell<bool>,
    pub(super) progress: OpenProgress,
}

impl View {
    pub(super) fn new(iam: Rc<Iam>, phase: Phase) -> Self {
        Self {
            iam,
            now: Cell::default(),
            asked: Cell::default(),
            waiting: RefCell::default(),
            answer: Cell::default(),
            is_write_cancelled: Cell::default(),
            phase: Cell::new(phase),
            window: Cell::default(),
            issued: Cell::default(),
            progress: OpenProgress::default(),
        }
    }

    /// Sends a request, and waits for the answer.
    pub(super) async fn ask(&self, request: Request) -> Answer {
        let id = self.asked.replace(self.asked.get() + 1);
        self.waiting.borrow_mut().push((id, request));
        let mut sent = Sent { view: self, id, is_answered: false };
        let answer = poll_fn(|_| match self.answer.get() {
            Some((answered, answer)) if answered == id => Poll::Ready(answer),
            _ => Poll::Pending,
        })
        .await;
        self.answer.set(None);
        sent.is_answered = true;
        answer
    }

    async fn write(&self, request: Request) -> Write {
        match self.ask(request).await {
            Answer::Done => Ok(()),
            _ => Err(Fault::Refused("AccessDenied".into())),
        }
    }

    async fn probe(&self, request: Request) -> Probed {
        match self.ask(request).await {
            Answer::Open => Probed::Open,
            Answer::KeyRefused => Probed::KeyRefused,
            _ => Probed::Refused,
        }
    }

    async fn snapshot(&self, request: Request) -> Snapshot {
        let Answer::Seen(user) = self.ask(request).await else {
            panic!("the answer to a read should be the user")
        };
        let user = self.iam.user(World { user, clock: self.now.get() }, false);
        now(OpenerOf(&user).read())
    }
}

/// A request without an answer.
struct Sent<'a> {
    view: &'a View,
    id: u16,
    is_answered: bool,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        let mut waiting = self.view.waiting.borrow_mut();
        if let Some(place) = waiting.iter().position(|(id, _)| *id == self.id) {
            let (_, request) = waiting.remove(place);
            if !self.is_answered && request.is_write() {
                self.view.is_write_cancelled.set(true);
            }
        }
    }
}

/// The opener of a process.
pub(super) struct OpenerView<'a>(pub(super) &'a View);

impl Caller for OpenerView<'_> {
    async fn identify(&self) -> std::result::Result<Identity, Fault> {
        self.0.ask(Request::Identify).await;
        let now = self.0.now.get();
        Ok(Identity { account: ACCOUNT.into(), time: at(now), asked_at: boot_time(now) })
    }
}

impl Opener for OpenerView<'_> {
    async fn read(&self) -> Snapshot {
        self.0.snapshot(Request::Read).await
    }

    async fn put_gate(&self, document: &str) -> Write {
        let gate = self.0.iam.gate_id(&serde_json::from_str(document).expect("JSON"));
        self.0.write(Request::PutGate(gate)).await
    }

    async fn lift_deny(&self) -> Write {
        self.0.write(Request::LiftDeny).await
    }
}

impl Closer for View {
    async fn read_access_state(&self) -> AccessState {
        self.snapshot(Request::ReadAccess).await.access
    }

    async fn attach_deny(&self) -> Write {
        self.write(Request::AttachDeny).await
    }

    async fn switch_key(&self, _: &str, active: bool) -> Write {
        self.write(Request::SwitchKey(active)).await
    }
}

impl Emergency for View {
    async fn probe_key(&self) -> Option<Probed> {
        Some(self.probe(Request::ProbeKey).await)
    }

    fn ready_in(&self) -> Duration {
        Duration::ZERO
    }

    async fn issue_session(&self, _: &Wanted<'_>) -> Write {
        let issued = self.write(Request::IssueSession).await;
        self.issued.set(issued.is_ok());
        issued
    }

    async fn probe_session(&self) -> Option<Probed> {
        if !self.issued.get() {
            return None;
        }
        Some(self.probe(Request::ProbeSession).await)
    }
}

impl Clock for View {
    fn now(&self) -> Timestamp {
        at(self.now.get())
    }

    async fn pause(&self, time: Duration) {
        self.ask(Request::Pause(u32::try_from(time.as_secs()).expect("short"))).await;
    }
}

impl Patience for View {
    /// The driver stops an opening at T1.
    fn interrupted(&self) -> bool {
        self.window.get().is_some_and(|window| at(self.now.get()) >= window.until)
    }

    fn gave_up(&self) -> bool {
        false
    }

    async fn given_up(&self) {
        pending::<()>().await;
    }
}

impl Reporter for View {
    fn say(&self, _: &str) {}
}

impl OpenHooks for View {
    async fn alert(&self) -> Result<()> {
        Ok(())
    }

    fn record_intent(&self) -> Result<()> {
        Ok(())
    }

    fn record_window(&self, window: &Window) -> Result<()> {
        self.window.set(Some(*window));
        Ok(())
    }

    fn record_enabling(&self) -> Result<()> {
        Ok(())
    }
}

impl Children for View {
    async fn end_children(&self) {}
}
