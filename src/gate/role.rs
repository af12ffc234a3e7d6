//! The lane `static`: a role's session whose own policy ends it. No IAM write, so no early close either.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::close::CloseOutcome;
use super::host::{Children, Clock, OpenHooks, Patience, Reporter};
use super::iam::{Caller, Emergency, Probed, Wanted};
use super::open::{Stop, begin, issue, let_in};
use super::policy::Gate;
use super::progress::OpenProgress;
use super::proof::{ClosedAccess, prove};
use super::session::SessionId;
use super::window::Window;

/// What is to be opened.
#[derive(Debug)]
pub struct RolePlan<'a> {
    /// The account the user has to be in.
    pub account: &'a str,
    /// The sealed statements; the role's session gets no more.
    pub grant: &'a [Value],
    /// Where they hold.
    pub regions: &'a [String],
    /// This opening's id.
    pub session: SessionId,
    /// T1 − T0.
    pub window: Duration,
}

/// Assumes the role for the window.
///
/// # Errors
/// The step that failed, or that it was interrupted.
pub async fn assume(
    caller: &impl Caller,
    emergency: &impl Emergency,
    plan: &RolePlan<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience + Reporter + OpenHooks),
) -> Result<Window, Stop> {
    let window = begin(caller, plan.account, plan.window, host).await?;
    let Window { from, until, .. } = window;
    // The trust policy has seen to MFA: a role's session does not carry it.
    let RolePlan { session, grant, regions, .. } = *plan;
    let policy = Gate { session, from, until, grant, regions, mfa: false }.document();
    host.record_enabling()?;
    issue(emergency, &Wanted { session, until, policy: Some(&policy) }, host).await?;
    progress.handed_out();
    let_in("the session", host, until, || emergency.probe_session()).await?;
    Ok(window)
}

/// Lets go of the session. Only T1 ends it, so before that nothing is proven.
pub async fn end(
    emergency: &impl Emergency,
    until: Option<Timestamp>,
    host: &(impl Clock + Patience + Children),
) -> CloseOutcome {
    host.end_children().await;
    if until.is_none_or(|until| host.now() < until) {
        let why = "a role's session cannot be ended before its time; this program has let go of it".into();
        return CloseOutcome::Unproven { why, until };
    }
    if prove(&mut RoleSession(emergency), host).await {
        CloseOutcome::Closed { probed: true, untidy: None }
    } else {
        let why = "its time is over, but AWS does not show it yet".into();
        CloseOutcome::Unproven { why, until }
    }
}

/// The session of a role after T1.
struct RoleSession<'a, E>(&'a E);

impl<E: Emergency> ClosedAccess for RoleSession<'_, E> {
    async fn is_refused(&mut self) -> bool {
        match self.0.probe_session().await {
            Some(Probed::Refused | Probed::KeyRefused) | None => true,
            Some(Probed::Open | Probed::Unclear(_)) => false,
        }
    }
}
