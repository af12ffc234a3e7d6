//! The lane `static`: the user assumes a role, and a session policy ends the role's session at T1. In the lane
//! `static`, the program writes nothing to IAM, so the program cannot close access before T1.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::close::{CloseOutcome, Refusals};
use super::host::{Children, Clock, OpenHooks, Patience, Reporter};
use super::iam::{Caller, Emergency, Probed, Wanted};
use super::open::{Stop, begin, issue, until_accepted};
use super::policy::Gate;
use super::progress::OpenProgress;
use super::proof::{ClosedAccess, prove};
use super::session::SessionId;
use super::window::Window;

/// The access to open: the role's session, the grant and the window.
#[derive(Debug)]
pub struct RolePlan<'a> {
    /// The id of the AWS account to which the user must belong: twelve digits.
    pub account: &'a str,
    /// The statements of the sealed grant. The role's session has no permissions beyond the statements of the grant.
    pub grant: &'a [Value],
    /// The AWS regions in which the grant applies.
    pub regions: &'a [String],
    /// The id of the session that is being opened.
    pub session: SessionId,
    /// The duration of the window: T1 − T0.
    pub window: Duration,
}

/// Assumes the role for the window.
///
/// # Errors
/// [`Stop`] if a step fails, or if the opening is interrupted.
pub async fn assume(
    caller: &impl Caller,
    emergency: &impl Emergency,
    plan: &RolePlan<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience + Reporter + OpenHooks),
) -> Result<Window, Stop> {
    let window = begin(caller, plan.account, plan.window, host).await?;
    let Window { from, until, .. } = window;
    // The role's trust policy demands MFA. The session policy cannot demand MFA, because the role's session does not
    // have aws:MultiFactorAuthPresent.
    let RolePlan { session, grant, regions, .. } = *plan;
    let policy = Gate { session, from, until, grant, regions, mfa: false }.document();
    host.record_enabling()?;
    issue(emergency, &Wanted { session, until, policy: Some(&policy) }, host).await?;
    progress.handed_out();
    until_accepted("the session", host, until, || emergency.probe_session()).await?;
    Ok(window)
}

/// Ends the child processes, and proves that AWS refuses the role's session. Before T1, the proof is not possible,
/// because the session ends at T1.
pub async fn end(
    emergency: &impl Emergency,
    until: Option<Timestamp>,
    host: &(impl Clock + Patience + Children),
) -> CloseOutcome {
    host.end_children().await;
    if until.is_none_or(|until| host.now() < until) {
        let why =
            "a role's session cannot be ended before it expires; this program has discarded the session"
                .into();
        return CloseOutcome::Unproven { why, until };
    }
    if prove(&mut RoleSession(emergency), host).await {
        let refusals = Refusals { key: None, session: true };
        CloseOutcome::Closed { refusals, untidy: None }
    } else {
        let why = "T1 has passed, but it is not proven that AWS refuses the role's session".into();
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
