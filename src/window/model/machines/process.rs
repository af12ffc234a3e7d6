//! A process of the exploration: an opening with its window and its close, or a close from another machine. Each
//! process runs the sequences of the program.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::iam::{Answer, Request, boot_time, end, seconds};
use super::view::{OpenerView, Phase, View};
use crate::error::Error;
use crate::gate::close::{CloseOutcome, CloseRequest, close};
use crate::gate::fake::{ACCOUNT, FakeUser, KEY};
use crate::gate::host::Clock;
use crate::gate::iam::Closer;
use crate::gate::observed::{Scope, UserState, observe_complete};
use crate::gate::open::{HandOut, OpenPlan, Stop, open};
use crate::gate::policy::parse_gate;
use crate::gate::{SessionId, until_lost};
use crate::window::{Action, Machine, WindowEvent};

/// What a process does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Opens a window, holds the window open until T1 or until the operator ends it, and closes access.
    Open(Opening),
    /// The command `close --force` with the vault. Closes every window.
    CloseAll,
    /// The command `close` on a machine whose ledger has no session. Closes leftovers, but does not close a window of
    /// another machine.
    CloseLeftovers,
    /// The command `close` for the window of this session.
    CloseOwn(SessionId),
}

/// An opening.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) session: SessionId,
    pub(super) minutes: u64,
    pub(super) hand_out: HandOut,
    pub(super) flaw: Option<Flaw>,
}

/// A fault of a process, for the controls: the exploration must find a schedule that breaks a promise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// The process closes the open window of another session.
    ClosesOther,
    /// The process reports each close as proven.
    SaysClosed,
}

impl Role {
    pub(super) fn opens(self) -> bool {
        matches!(self, Self::Open(_))
    }

    pub(super) fn session(self) -> Option<SessionId> {
        match self {
            Self::Open(Opening { session, .. }) | Self::CloseOwn(session) => Some(session),
            Self::CloseAll | Self::CloseLeftovers => None,
        }
    }

    pub(super) fn phase(self) -> Phase {
        if self.opens() { Phase::Opening } else { Phase::Closing }
    }

    /// Runs the process to its end.
    pub(super) async fn run(self, view: Rc<View>) -> Report {
        match self {
            Self::Open(opening) => open_and_close(&view, opening).await,
            Self::CloseAll | Self::CloseLeftovers | Self::CloseOwn(_) => {
                close_from_elsewhere(&view, self).await
            }
        }
    }
}

/// The kinds of results that a process can report.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Ended {
    /// The process wrote nothing.
    Untouched,
    /// Access is proven closed.
    Closed,
    /// IAM has the gate of another session, and the process did not change this gate.
    TakenOver,
    /// Access was proven closed, and then another session opened a window.
    ClosedThenTakenOver,
    /// Access might still be open.
    Unproven,
}

/// What a process reports when it ends.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Report {
    pub(super) ended: Ended,
    /// Whether the window was open at any time.
    pub(super) was_open: bool,
    /// The end of access that the report names, in seconds since the start.
    pub(super) named: Option<i64>,
    /// Why the window did not open, or why access might be open.
    pub(super) why: String,
}

impl Report {
    /// Whether the report is a plain success: the window was open and is closed.
    pub(super) fn is_plain_success(&self) -> bool {
        self.ended == Ended::Closed && self.why.is_empty()
    }
}

async fn open_and_close(view: &View, opening: Opening) -> Report {
    let Opening { session, minutes, hand_out, flaw } = opening;
    let expected = FakeUser::expected();
    let plan = OpenPlan {
        expected: &expected,
        account: ACCOUNT,
        grant: &[json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})],
        regions: &["eu-west-1".into()],
        mfa: false,
        session,
        window: Duration::from_mins(minutes),
        hand_out,
        close: "breakglass close prod.age --force",
    };
    let opened = open(OpenerView(view), view, view, &plan, &view.progress, view).await;
    let mut machine = Machine::new(true);
    if let Some(window) = view.window.get() {
        (machine, _) = machine.handle(WindowEvent::EndSet(window.deadline));
    }
    let failure = opened.err();
    let (machine, mut actions) = machine.handle(failure.as_ref().map_or(WindowEvent::Opened, |stop| {
        let leaves_alone = matches!(stop, Stop::OtherWindow(_)) && flaw != Some(Flaw::ClosesOther);
        WindowEvent::NotOpened { touched: view.progress.touched() && !leaves_alone }
    }));
    let (mut named, mut why) = failure.as_ref().map_or_else(Default::default, told);
    if actions == [Action::Begin] {
        view.phase.set(Phase::Open);
        let scope = Scope { deny: &expected.deny, keys: Some(std::slice::from_ref(&expected.key)) };
        let event = hold(view, &scope, session).await;
        if let WindowEvent::Lost(lost) = event {
            (named, why) = (None, format!("another process ended the window: {lost:?}"));
        }
        (_, actions) = machine.handle(event);
    }
    let was_open = failure.is_none();
    if !actions.contains(&Action::Close) {
        return Report { ended: Ended::Untouched, was_open, named, why };
    }
    view.phase.set(Phase::Closing);
    let until = view.window.get().map(|window| window.until);
    let own = (flaw != Some(Flaw::ClosesOther)).then_some(session);
    let request = CloseRequest {
        deny: &expected.deny,
        key: Some(KEY),
        session: own,
        lifted: view.progress.lifted(),
        until,
    };
    let closed = close(view, view, &request, view.progress.pending(), view).await;
    let report = report(closed, Report { ended: Ended::Closed, was_open, named, why });
    if flaw == Some(Flaw::SaysClosed) { Report { ended: Ended::Closed, ..report } } else { report }
}

/// Holds the window open, and returns the event that ends it.
async fn hold(view: &View, scope: &Scope<'_>, session: SessionId) -> WindowEvent {
    let (mut held, mut lost) = (pin!(view.ask(Request::Hold)), pin!(until_lost(view, scope, session, view)));
    poll_fn(|cx| match held.as_mut().poll(cx) {
        Poll::Ready(Answer::Quit) => Poll::Ready(WindowEvent::Quit),
        Poll::Ready(_) => Poll::Ready(WindowEvent::Tick(boot_time(view.now.get()))),
        Poll::Pending => lost.as_mut().poll(cx).map(WindowEvent::Lost),
    })
    .await
}

/// Reads which window is open, as the command `close` does, and closes the window if the role allows it.
async fn close_from_elsewhere(view: &View, role: Role) -> Report {
    view.ask(Request::Begin).await;
    let expected = FakeUser::expected();
    let access = view.read_access_state().await;
    let until =
        access.gate.as_ref().ok().and_then(Option::as_ref).and_then(parse_gate).map(|gate| gate.until);
    let state = observe_complete(&access, &Scope { deny: &expected.deny, keys: None }, view.now());
    if let (UserState::Open { until, .. } | UserState::Opening { until, .. }, Role::CloseLeftovers) =
        (state, role)
    {
        let why = "the window was left alone".into();
        return Report { ended: Ended::TakenOver, was_open: false, named: Some(seconds(until)), why };
    }
    let session = role.session();
    let request = CloseRequest { deny: &expected.deny, key: Some(KEY), session, lifted: true, until };
    let closed = close(view, view, &request, None, view).await;
    report(closed, Report { ended: Ended::Closed, was_open: false, named: None, why: String::new() })
}

/// Adds the outcome of a close to a report.
fn report(outcome: CloseOutcome, report: Report) -> Report {
    let (ended, end, doubt) = match outcome {
        CloseOutcome::Closed { untidy, .. } => (Ended::Closed, None, untidy),
        CloseOutcome::TakenOver { until, was_closed: false, .. } => (Ended::TakenOver, Some(until), None),
        CloseOutcome::TakenOver { until, .. } => (Ended::ClosedThenTakenOver, Some(until), None),
        CloseOutcome::Unproven { why, until } => (Ended::Unproven, until, Some(why)),
    };
    let why = [report.why, doubt.unwrap_or_default()].into_iter().filter(|text| !text.is_empty());
    let why = why.collect::<Vec<_>>().join("; ");
    Report { ended, why, named: report.named.max(end.map(seconds)), ..report }
}

/// Returns the end of access that the stop names, and the stop's message.
fn told(stop: &Stop) -> (Option<i64>, String) {
    match stop {
        Stop::Interrupted => (None, "interrupted".into()),
        Stop::Failed(error) | Stop::ControlPlane(error) | Stop::OtherWindow(error) => {
            (end_in(error).map(seconds), error.what.clone())
        }
    }
}

/// Returns the end of access that the error names, for example in the text `until 2026-11-22 02:47:00 UTC`.
fn end_in(error: &Error) -> Option<Timestamp> {
    error.until.or_else(|| {
        let text = error.what.split("until ").nth(1)?.get(.."2026-11-22 02:47:00".len())?;
        format!("{}Z", text.replace(' ', "T")).parse().ok()
    })
}

/// Returns T1 of the window that the process recorded, in seconds since the start.
pub(super) fn recorded_end(view: &View) -> Option<i64> {
    view.window.get().as_ref().map(end)
}
