//! The opening sequence. The sequence writes the end of the window to IAM before another write enables access.

mod plan;
mod steps;
mod stop;
mod waiting;

use std::time::Duration;

use jiff::Timestamp;

use super::close::{CloseOutcome, CloseRequest, close};
use super::host::{Children, Clock, OpenHooks, Patience, Reporter};
use super::iam::{Caller, Closer, Emergency, Opener, Wanted};
use super::observed::{Drift, Expected, Leftover, UserState, assess};
use super::policy::{Gate, ending, parse_gate};
use super::progress::OpenProgress;
use super::snapshot::{AccessState, Snapshot};
use super::window::Window;
use crate::error::Error;
pub use plan::{HandOut, OpenPlan};
pub(super) use steps::issue;
use steps::{activate, lift, prove_closer, put_gate};
pub use stop::{Stop, other_account};
use stop::{already_open, drifted, failed, no_answer, refused, unreadable};
pub(super) use waiting::until_accepted;
use waiting::{READ_BACK, TimeLimit, go_on};

/// Opens access for the window, and drops the opener. If [`OpenProgress::touched`] is true after an error or a panic,
/// the caller must close access.
///
/// # Errors
/// [`Stop`] if a step fails, or if the opening is interrupted.
pub async fn open<O: Opener>(
    opener: O,
    closer: &impl Closer,
    emergency: &impl Emergency,
    plan: &OpenPlan<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience + Reporter + OpenHooks + Children),
) -> std::result::Result<Window, Stop> {
    // 1. Send the alerts; 2. record the intent of this session; 3. take T0 and T1 from AWS's clock.
    let window = begin(&opener, plan.account, plan.window, host).await?;
    let Window { from, until, .. } = window;
    let gate = plan.gate(from, until);

    // 4. Check that the user is at rest. If an earlier session was not closed, close that session first.
    at_rest(&opener, closer, emergency, plan, host).await?;
    go_on(host, until)?;
    // Check that the closer can close access: the closer's writes must succeed before the gate is written.
    prove_closer(closer, plan, host).await?;
    host.say("gate: the closer can attach AWSDenyAll and deactivate the key");
    go_on(host, until)?;

    // 5. Write the gate, which contains T1, and read it back. Nothing is enabled yet.
    put_gate(&opener, plan, &gate, progress, host).await?;
    go_on(host, until)?;

    // 6. Activate the key. Access is not yet open, because `AWSDenyAll` is still attached.
    activate(closer, plan, progress, host).await?;
    go_on(host, until)?;

    // 7. Detach `AWSDenyAll`. Only the detaching of `AWSDenyAll` enables access.
    lift(&opener, closer, plan, progress, host).await?;
    drop(opener);

    // 8. Probe the key until AWS accepts it several times in a row; then issue the session and probe the session.
    until_accepted("the key", host, until, || emergency.probe_key()).await?;
    progress.settled();
    user_is_unchanged(closer, plan, &gate, host).await?;
    if plan.hand_out != HandOut::Nothing {
        let policy = (plan.hand_out == HandOut::Console).then(|| ending(plan.session, until));
        let wanted = Wanted { session: plan.session, until, policy: policy.as_ref() };
        issue(emergency, &wanted, host).await?;
        until_accepted("the session", host, until, || emergency.probe_session()).await?;
    }
    Ok(window)
}

/// Sends the alerts, records the intent, takes T0 from AWS's clock, and records T0 and T1. All steps of this function
/// come before the first write to AWS.
pub(super) async fn begin(
    caller: &impl Caller,
    account: &str,
    length: Duration,
    host: &(impl Clock + Patience + OpenHooks),
) -> std::result::Result<Window, Stop> {
    host.alert().await?;
    go_on(host, Timestamp::MAX)?;
    host.record_intent()?;
    let identity = caller.identify().await.map_err(|fault| {
        failed("asking AWS for the time", &fault)
            .next("check the network and AWS_ENDPOINT_URL, then open again")
    })?;
    if identity.account != account {
        return Err(other_account(&identity.account, account).into());
    }
    let from = identity.time;
    let until = from.checked_add(length).map_err(|_| Error::usage("the window is too long"))?;
    let window = Window { from, until, deadline: identity.asked_at + length };
    host.record_window(&window)?;
    Ok(window)
}

async fn at_rest(
    opener: &impl Opener,
    closer: &impl Closer,
    emergency: &impl Emergency,
    plan: &OpenPlan<'_>,
    host: &(impl Clock + Patience + Reporter + Children),
) -> std::result::Result<(), Stop> {
    let leftovers = match look(&opener.read().await, plan, host, true)? {
        Rest::AtRest => return Ok(()),
        Rest::Untidy(leftovers) => leftovers,
    };
    let left: Vec<String> = leftovers.iter().map(ToString::to_string).collect();
    host.say(&format!("gate: an earlier window was not closed ({}); closing it first", left.join(", ")));
    // The close repeats writes that AWS refuses. So the closer shows first that it is allowed to close: a refusal ends
    // the opening at once, and the message names the principal and the action.
    prove_closer(closer, plan, host).await?;
    let Expected { deny, key, .. } = plan.expected;
    // Another machine might open a window during this close. The close request names this opening's session, so the
    // close does not end the window of another session.
    let request =
        CloseRequest { deny, key: Some(key), session: Some(plan.session), lifted: false, until: None };
    match close(closer, emergency, &request, None, host).await {
        CloseOutcome::Closed { .. } => {}
        CloseOutcome::TakenOver { session, until, .. } => {
            return Err(already_open(plan, session, until));
        }
        CloseOutcome::Unproven { why, .. } => {
            return Err(refused(format!("an earlier window could not be closed: {why}")).into());
        }
    }
    let limit = TimeLimit::new(host, READ_BACK);
    loop {
        go_on(host, Timestamp::MAX)?;
        match look(&opener.read().await, plan, host, false)? {
            Rest::AtRest => return Ok(()),
            _ if limit.is_over(host) => {
                return Err(refused(
                    "AWSDenyAll is attached and the key deactivated, but IAM does not show it".to_owned(),
                )
                .into());
            }
            Rest::Untidy(_) => host.pause(Duration::from_secs(1)).await,
        }
    }
}

/// A state of the user from which an opening can start.
enum Rest {
    AtRest,
    /// An earlier session was not closed, so the opening closes it first.
    Untidy(Vec<Leftover>),
}

/// Returns the user's state if an opening can start from this state.
fn look(
    snapshot: &Snapshot,
    plan: &OpenPlan<'_>,
    host: &(impl Clock + Reporter),
    print_warnings: bool,
) -> std::result::Result<Rest, Stop> {
    let expected = plan.expected;
    let assessment = assess(snapshot, expected, host.now());
    for warning in assessment.warnings.iter().filter(|_| print_warnings) {
        host.say(&format!("warning: {warning}"));
    }
    match assessment.state {
        UserState::AtRest => Ok(Rest::AtRest),
        UserState::Untidy(leftovers) => Ok(Rest::Untidy(leftovers)),
        // `AWSDenyAll` is still attached, so the other opening has not enabled access yet. A close ends the other
        // opening.
        UserState::Opening { .. } => Ok(Rest::Untidy(vec![Leftover::KeyActive])),
        UserState::Open { session, until } => Err(already_open(plan, session, until)),
        UserState::Unbounded => Err(drifted(expected, &[Drift::ForeignGate])),
        UserState::Drifted(drift) => Err(drifted(expected, &drift)),
        UserState::Unknown(unread) | UserState::NotAtRest(unread) => Err(unreadable(expected, unread)),
    }
}

/// Reads the gate and the keys again before any credentials are handed out. Fails if another opening has replaced the
/// gate, or if another access key has become active. If two openings run concurrently, only the opening that wrote its
/// gate last continues.
async fn user_is_unchanged(
    closer: &impl Closer,
    plan: &OpenPlan<'_>,
    gate: &Gate<'_>,
    host: &(impl Clock + Patience),
) -> std::result::Result<(), Stop> {
    let limit = TimeLimit::new(host, READ_BACK);
    loop {
        let AccessState { gate: found, keys, .. } = closer.read_access_state().await;
        if let Ok(Some(found)) = &found
            && !gate.is(found)
        {
            let by = parse_gate(found).map(|f| format!(" by session {}", f.session));
            return Err(refused(format!("the gate was replaced{}", by.unwrap_or_default())).into());
        }
        let fault = match &keys {
            Ok(keys) => match keys.iter().find(|key| key.active && key.id != plan.expected.key) {
                Some(other) => return Err(drifted(plan.expected, &[Drift::ActiveKey(other.id.clone())])),
                None => return Ok(()),
            },
            Err(fault) => fault,
        };
        if limit.is_over(host) {
            return Err(no_answer(&format!("reading the access keys again: {fault}")).into());
        }
        go_on(host, gate.until)?;
        host.pause(Duration::from_secs(1)).await;
    }
}
