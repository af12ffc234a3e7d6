//! A process of the exploration: an opening with its window and its close, or a close from another machine. Each
//! process runs the sequences of the program.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::iam::{Answer, Request, boot_time, end, seconds};
use super::view::{OpenerView, Phase, View};
use crate::error::Error;
use crate::gate::SessionId;
use crate::gate::close::{CloseOutcome, CloseRequest, close};
use crate::gate::fake::{ACCOUNT, FakeUser, KEY};
use crate::gate::host::Clock;
use crate::gate::iam::Closer;
use crate::gate::observed::{Scope, UserState, observe_complete};
use crate::gate::open::{HandOut, OpenPlan, Stop, open};
use crate::gate::policy::parse_gate;
use crate::window::{Action, Machine, WindowEvent};

/// What a process does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Opens a window of this duration, holds it open until T1 or until the operator ends it, and closes it.
    Open { session: SessionId, minutes: u64 },
    /// `close --force` with the vault: closes every window.
    CloseAll,
    /// `close` on a machine that knows no session: closes what is left, but no window of another machine.
    CloseLeftovers,
    /// Closes the window of this session at its end.
    CloseOwn(SessionId),
}

impl Role {
    pub(super) fn session(self) -> Option<SessionId> {
        match self {
            Self::Open { session, .. } | Self::CloseOwn(session) => Some(session),
            Self::CloseAll | Self::CloseLeftovers => None,
        }
    }

    pub(super) fn phase(self) -> Phase {
        if matches!(self, Self::Open { .. }) { Phase::Opening } else { Phase::Closing }
    }

    /// Runs the process to its end.
    pub(super) async fn run(self, view: Rc<View>) -> Report {
        match self {
            Self::Open { session, minutes } => open_and_close(&view, session, Duration::from_mins(minutes)).await,
            Self::CloseAll | Self::CloseLeftovers | Self::CloseOwn(_) => close_from_elsewhere(&view, self).await,
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
    /// The window of another session was left alone.
    TakenOver,
    /// Access might still be open.
    Unproven,
}

/// What a process reports when it ends.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Report {
    pub(super) ended: Ended,
    /// Whether the window was open at any time.
    pub(super) was_open: bool,
    /// The latest end of access that the report names, in seconds since the start.
    pub(super) names: Option<i64>,
    /// Why the window did not open, or why access might be open.
    pub(super) why: String,
}

impl Report {
    /// Whether the report says only that the window was open and is closed.
    pub(super) fn is_plain_success(&self) -> bool {
        self.ended == Ended::Closed && self.why.is_empty()
    }
}

async fn open_and_close(view: &View, session: SessionId, window: Duration) -> Report {
    let expected = FakeUser::expected();
    let plan = OpenPlan {
        expected: &expected,
        account: ACCOUNT,
        grant: &grant(),
        regions: &["eu-west-1".into()],
        mfa: false,
        session,
        window,
        hand_out: HandOut::Session,
    };
    let opened = open(OpenerView(view), view, view, &plan, &view.progress, view).await;
    let mut machine = Machine::new(true);
    if let Some(window) = view.window.get() {
        (machine, _) = machine.handle(WindowEvent::EndSet(window.deadline));
    }
    let was_open = opened.is_ok();
    let (event, failure) = match opened {
        Ok(_) => (WindowEvent::Opened, None),
        Err(stop) => (WindowEvent::NotOpened { touched: view.progress.touched() }, Some(stop)),
    };
    let (machine, mut actions) = machine.handle(event);
    if actions == [Action::Begin] {
        view.phase.set(Phase::Open);
        (_, actions) = machine.handle(hold(view).await);
    }
    let (names, why) = failure.as_ref().map_or_else(Default::default, told);
    if !actions.contains(&Action::Close) {
        return Report { ended: Ended::Untouched, was_open, names, why };
    }
    view.phase.set(Phase::Closing);
    let until = view.window.get().map(|window| window.until);
    let request = CloseRequest { deny: &expected.deny, key: Some(KEY), session: Some(session), until };
    let closed = close(view, view, &request, view.progress.pending(), view).await;
    report(closed, was_open, names, why)
}

/// Holds the window open, and returns the event that ends it.
async fn hold(view: &View) -> WindowEvent {
    match view.ask(Request::Hold).await {
        Answer::Quit => WindowEvent::Quit,
        _ => WindowEvent::Tick(boot_time(view.now.get())),
    }
}

/// Reads which window is open, as the command `close` does, and closes it if the role allows that.
async fn close_from_elsewhere(view: &View, role: Role) -> Report {
    view.ask(Request::Begin).await;
    let expected = FakeUser::expected();
    let access = view.read_access_state().await;
    let until = access.gate.as_ref().ok().and_then(Option::as_ref).and_then(parse_gate).map(|gate| gate.until);
    let state = observe_complete(&access, &Scope { deny: &expected.deny, keys: None }, view.now());
    if let (UserState::Open { until, .. } | UserState::Opening { until, .. }, Role::CloseLeftovers) = (state, role) {
        let why = "the window was left alone".into();
        return Report { ended: Ended::TakenOver, was_open: false, names: Some(seconds(until)), why };
    }
    let session = role.session();
    let request = CloseRequest { deny: &expected.deny, key: Some(KEY), session, until };
    report(close(view, view, &request, None, view).await, false, None, String::new())
}

fn report(outcome: CloseOutcome, was_open: bool, named: Option<i64>, why: String) -> Report {
    let (ended, names, doubt) = match outcome {
        CloseOutcome::Closed { untidy, .. } => (Ended::Closed, None, untidy),
        CloseOutcome::TakenOver { until, .. } => (Ended::TakenOver, Some(until), None),
        CloseOutcome::Unproven { why, until } => (Ended::Unproven, until, Some(why)),
    };
    let why = [why, doubt.unwrap_or_default()].into_iter().filter(|text| !text.is_empty());
    Report { ended, was_open, names: named.max(names.map(seconds)), why: why.collect::<Vec<_>>().join("; ") }
}

/// Returns the end that the stop names, and its message.
fn told(stop: &Stop) -> (Option<i64>, String) {
    match stop {
        Stop::Interrupted => (None, "interrupted".into()),
        Stop::Failed(error) | Stop::ControlPlane(error) => (named(error).map(seconds), error.what.clone()),
    }
}

/// Returns the end of access that the error names, for example in the text `until 2026-11-22 02:47:00 UTC`.
fn named(error: &Error) -> Option<Timestamp> {
    error.until.or_else(|| {
        let text = error.what.split("until ").nth(1)?.get(.."2026-11-22 02:47:00".len())?;
        format!("{}Z", text.replace(' ', "T")).parse().ok()
    })
}

pub(super) fn grant() -> Vec<Value> {
    vec![json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})]
}

/// Returns T1 of the window that the process recorded, in seconds since the start.
pub(super) fn recorded_end(view: &View) -> Option<i64> {
    view.window.get().as_ref().map(end)
}
