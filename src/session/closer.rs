//! Closes the access that a run has opened. The two lanes close access in different ways.

use std::future::pending;

use jiff::Timestamp;

use crate::aws::emergency::EmergencyUser;
use crate::gate::close::{CloseOutcome, CloseRequest, KeyRefusal, Refusals, close};
use crate::gate::iam::{Closer, Emergency};
use crate::gate::observed::Scope;
use crate::gate::{Lost, OpenProgress, SessionId, role, until_lost};
use crate::session::context::RunContext;
use crate::session::log::Log;
use crate::time_text;

pub(crate) trait CloseStrategy {
    /// Closes access and proves that access is closed. `until` is T1; `None` if T1 is not known.
    async fn close(
        &self,
        context: &RunContext<'_>,
        progress: &OpenProgress,
        until: Option<Timestamp>,
    ) -> CloseOutcome;

    /// Waits until another process closes or replaces the open window. Never returns in the lane `static`, because no
    /// process can end a role's session.
    async fn until_lost(&self, context: &RunContext<'_>) -> Lost;

    /// Describes the remaining steps of the close to an operator who pressed Ctrl-C during the close.
    fn remaining(&self) -> &'static str;
}

/// Closes access in the lane `gate` with IAM writes.
pub(crate) struct CloseGate<'a, C, E> {
    pub(crate) closer: &'a C,
    pub(crate) emergency: &'a E,
    pub(crate) deny: &'a str,
    /// The id of the sealed key, if it is known.
    pub(crate) key: Option<&'a str>,
    /// Closes only the window of this session; `None` closes the window of any session.
    pub(crate) session: Option<SessionId>,
}

impl<C: Closer, E: Emergency> CloseStrategy for CloseGate<'_, C, E> {
    async fn close(
        &self,
        context: &RunContext<'_>,
        progress: &OpenProgress,
        until: Option<Timestamp>,
    ) -> CloseOutcome {
        let Self { deny, key, session, .. } = *self;
        let request = CloseRequest { deny, key, session, lifted: progress.lifted(), until };
        context.log.say("close: attaching AWSDenyAll, then deactivating the keys");
        let outcome = close(self.closer, self.emergency, &request, progress.pending(), context).await;
        say(context.log, &outcome);
        outcome
    }

    async fn until_lost(&self, context: &RunContext<'_>) -> Lost {
        let Some(session) = self.session else { return pending().await };
        let keys = self.key.map(str::to_owned);
        let scope = Scope { deny: self.deny, keys: keys.as_ref().map(std::slice::from_ref) };
        until_lost(self.closer, &scope, session, context).await
    }

    fn remaining(&self) -> &'static str {
        "AWSDenyAll has to be attached, the key deactivated, and both proven"
    }
}

/// Ends access in the lane `static`: drops the credentials of the role's session. AWS ends that session at T1.
pub(crate) struct DropRoleSession<'a>(pub(crate) &'a EmergencyUser);

impl CloseStrategy for DropRoleSession<'_> {
    async fn close(
        &self,
        context: &RunContext<'_>,
        _: &OpenProgress,
        until: Option<Timestamp>,
    ) -> CloseOutcome {
        context.log.say("close: dropping the role's session");
        let outcome = role::end(self.0, until, context).await;
        say(context.log, &outcome);
        outcome
    }

    /// No process can end the role's session early.
    async fn until_lost(&self, _: &RunContext<'_>) -> Lost {
        pending().await
    }

    fn remaining(&self) -> &'static str {
        "no probe has yet proven that AWS refuses the role's session"
    }
}

/// Reports the outcome of a close.
fn say(log: &Log<'_>, outcome: &CloseOutcome) {
    match outcome {
        CloseOutcome::Closed { refusals, untidy: None } => {
            log.say(&format!("close: closed; {}", shown(*refusals)));
        }
        CloseOutcome::TakenOver { session, until, .. } => {
            let until = time_text::local(*until);
            log.say(&format!("close: the window of session {session}, open until {until}, was left alone"));
        }
        CloseOutcome::Closed { .. } | CloseOutcome::Unproven { .. } => {}
    }
}

/// Describes which credentials AWS refused, and which credentials were not probed.
pub(crate) fn shown(refusals: Refusals) -> &'static str {
    use KeyRefusal::{AfterEnd, ByPolicy, Inactive};
    match (refusals.key, refusals.session) {
        (Some(ByPolicy), true) => "AWS refused the key by policy, and refuses the session issued with it",
        (Some(ByPolicy), false) => {
            "AWS refused the key by policy; sessions that another process issued were not probed"
        }
        (Some(AfterEnd), _) => {
            "AWS refuses the key; the window's time is over, so the gate itself refuses every credential of the user"
        }
        (Some(Inactive), true) => "AWS refuses the session; the key is inactive",
        (Some(Inactive), false) => {
            "read back from IAM; the key is inactive, and sessions that another process issued were not probed"
        }
        (None, true) => "AWS refuses the role's session",
        (None, false) => "read back from IAM; neither the key nor a session was probed",
    }
}
