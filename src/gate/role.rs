//! The lane `static`: a role's session whose own policy ends it. No IAM write, so no early close either.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::close::CloseOutcome;
use super::host::{Children, Clock, OpenHooks, Patience, Reporter};
use super::iam::{Caller, Emergency, Probed, Wanted};
use super::open::{Stop, begin, issue, let_in};
use super::policy::Gate;
use super::progress::OpenProgress;
use super::session::SessionId;
use super::window::Window;

/// Refusals in a row that prove it shut.
const IN_A_ROW: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
/// How long a proof may take once T1 has passed.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

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
    let window = begin(caller, plan.account, plan.window, progress, host).await?;
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
    let since = host.now();
    let mut in_a_row = 0;
    while in_a_row < IN_A_ROW {
        in_a_row = match emergency.probe_session().await {
            Some(Probed::Refused | Probed::KeyRefused) | None => in_a_row + 1,
            Some(Probed::Open | Probed::Unclear(_)) => 0,
        };
        if host.now().duration_since(since) >= PATIENCE || host.gave_up() {
            let why = "its time is over, but AWS does not show it yet".into();
            return CloseOutcome::Unproven { why, until };
        }
        host.pause(BETWEEN_LOOKS).await;
    }
    CloseOutcome::Closed { probed: true, untidy: None }
}
