//! Open: an end is written in IAM before the first moment of access.

mod steps;
mod waiting;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::close::{CloseOutcome, CloseRequest, close};
use super::fault::Fault;
use super::host::{Children, Clock, OpenHooks, Patience, Reporter};
use super::iam::{Caller, Closer, Emergency, Opener, Wanted};
use super::observed::{Drift, Expected, Leftover, UserState, assess};
use super::policy::{Gate, ending, parse_gate};
use super::progress::OpenProgress;
use super::session::SessionId;
use super::snapshot::{Snapshot, Unread};
use super::window::Window;
use crate::error::Error;
use crate::time_text;
pub(super) use steps::issue;
use steps::{activate, lift, put_gate};
pub(super) use waiting::let_in;
use waiting::{READ_BACK, TimeLimit, go_on};

/// What is to be opened.
#[derive(Debug)]
pub struct OpenPlan<'a> {
    /// The user as it was sealed.
    pub expected: &'a Expected,
    /// The account the opener has to be in.
    pub account: &'a str,
    /// The sealed statements.
    pub grant: &'a [Value],
    /// Where they hold.
    pub regions: &'a [String],
    /// What they grant takes a session that carries MFA.
    pub mfa: bool,
    /// This opening's id.
    pub session: SessionId,
    /// T1 − T0.
    pub window: Duration,
    /// What work in the window gets.
    pub hand_out: HandOut,
}

/// What work in the window gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HandOut {
    /// Nothing: the window is only held open.
    Nothing,
    /// A session of the user.
    Session,
    /// A federated session, which can sign in to the console; its own policy says its end once more.
    Console,
}

impl<'a> OpenPlan<'a> {
    /// The gate between two instants.
    fn gate(&self, from: Timestamp, until: Timestamp) -> Gate<'a> {
        let Self { session, grant, regions, mfa, .. } = *self;
        Gate { session, from, until, grant, regions, mfa }
    }
}

/// Why there is no open window.
#[derive(Debug)]
pub enum Stop {
    /// Somebody wanted it to stop.
    Interrupted,
    /// A step failed.
    Failed(Error),
    /// IAM did not answer, or did not do, what every opening of a gate takes.
    ControlPlane(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Opens the gate; afterwards the opener is gone. Whatever goes wrong once [`OpenProgress::touched`]: close.
///
/// # Errors
/// The step that failed, or that it was interrupted.
pub async fn open<O: Opener>(
    opener: O,
    closer: &impl Closer,
    emergency: &impl Emergency,
    plan: &OpenPlan<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience + Reporter + OpenHooks + Children),
) -> std::result::Result<Window, Stop> {
    // 1. People are told. 2. From here the session is one's own. 3. T0 and T1 are AWS's.
    let window = begin(&opener, plan.account, plan.window, host).await?;
    let Window { from, until, .. } = window;
    let gate = plan.gate(from, until);

    // 4. Only a user at rest is opened.
    at_rest(&opener, closer, emergency, plan, host).await?;
    go_on(host, until)?;

    // 5. The end is written before anything is enabled, and read back.
    put_gate(&opener, plan, &gate, progress, host).await?;
    go_on(host, until)?;

    // 6. The key works, under a deny.
    activate(closer, plan, progress, host).await?;
    go_on(host, until)?;

    // 7. Only this enables.
    lift(&opener, closer, plan, progress, host).await?;
    drop(opener);

    // 8. Until AWS lets the key in everywhere.
    let_in("the key", host, until, || emergency.probe_key()).await?;
    progress.settled();
    still_ours(closer, &gate).await?;
    if plan.hand_out != HandOut::Nothing {
        let policy = (plan.hand_out == HandOut::Console).then(|| ending(plan.session, until));
        let wanted = Wanted { session: plan.session, until, policy: policy.as_ref() };
        issue(emergency, &wanted, host).await?;
        let_in("the session", host, until, || emergency.probe_session()).await?;
    }
    Ok(window)
}

/// People are told, then the intent, then T0 and T1 by AWS's clock; all are on record before the first write.
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
    let leftovers = match look(&opener.read().await, plan.expected, host, true)? {
        Rest::AtRest => return Ok(()),
        Rest::Untidy(leftovers) => leftovers,
    };
    let left: Vec<String> = leftovers.iter().map(ToString::to_string).collect();
    host.say(&format!("gate: an earlier window was not closed ({}); closing it first", left.join(", ")));
    let keys = [plan.expected.key.clone()];
    let request = CloseRequest { deny: &plan.expected.deny, keys: Some(&keys), session: None, until: None };
    if let CloseOutcome::Unproven { why, .. } = close(closer, emergency, &request, None, host).await {
        return Err(refused(format!("an earlier window could not be closed: {why}")).into());
    }
    let limit = TimeLimit::new(host, READ_BACK);
    loop {
        go_on(host, Timestamp::MAX)?;
        match look(&opener.read().await, plan.expected, host, false)? {
            Rest::AtRest => return Ok(()),
            _ if limit.is_over(host) => {
                return Err(refused("the user does not come to rest".to_owned()).into());
            }
            Rest::Untidy(_) => host.pause(Duration::from_secs(1)).await,
        }
    }
}

/// A state that opening can start from.
enum Rest {
    AtRest,
    /// Only once these are gone.
    Untidy(Vec<Leftover>),
}

/// Fails if the user's state forbids opening.
fn look(
    snapshot: &Snapshot,
    expected: &Expected,
    host: &(impl Clock + Reporter),
    print_warnings: bool,
) -> std::result::Result<Rest, Stop> {
    let assessment = assess(snapshot, expected, host.now());
    for warning in assessment.warnings.iter().filter(|_| print_warnings) {
        host.say(&format!("warning: {warning}"));
    }
    match assessment.state {
        UserState::AtRest => Ok(Rest::AtRest),
        UserState::Untidy(leftovers) => Ok(Rest::Untidy(leftovers)),
        // The deny still holds: closing ends it before it enables anything.
        UserState::Opening { .. } => Ok(Rest::Untidy(vec![Leftover::KeyActive])),
        UserState::Open { session, until } => Err(Error::refused(format!(
            "a window is open on user {} already: session {session}, until {}",
            expected.user,
            time_text::utc(until)
        ))
        .next("wait for its end, or end it: breakglass close VAULT --force")
        .into()),
        UserState::Unbounded => Err(drifted(expected, &[Drift::ForeignGate])),
        UserState::Drifted(drift) => Err(drifted(expected, &drift)),
        UserState::Unknown(unread) | UserState::NotAtRest(unread) => Err(unreadable(expected, unread)),
    }
}

fn unreadable(expected: &Expected, unread: Vec<Unread>) -> Stop {
    let drift: Vec<Drift> = unread.into_iter().map(Drift::Unread).collect();
    drifted(expected, &drift)
}

fn drifted(expected: &Expected, drift: &[Drift]) -> Stop {
    if let Some(first) = drift.first().filter(|_| drift.iter().all(Drift::is_silence)) {
        return Stop::ControlPlane(no_answer(&format!("user {}: {first}", expected.user)));
    }
    let list: Vec<String> = drift.iter().map(ToString::to_string).collect();
    let list = list.join("; ");
    Error::refused(format!("user {} is not as it was sealed: {list}", expected.user))
        .next("let an AWS administrator put it right, then open again")
        .into()
}

fn no_answer(what: &str) -> Error {
    refused(format!("IAM's control plane does not answer: {what}"))
        .next("look at the AWS Health Dashboard for IAM, then open again")
}

/// A write of open that IAM did not do.
fn not_done(step: &str, fault: &Fault) -> Stop {
    Stop::ControlPlane(match fault {
        Fault::Refused(_) => failed(step, fault),
        _ => no_answer(&format!("{step} failed: {fault}")),
    })
}

/// Two openings at the same time: the gate of the later one stands, and only that one goes on.
async fn still_ours(closer: &impl Closer, gate: &Gate<'_>) -> std::result::Result<(), Stop> {
    match closer.read_access_state().await.gate {
        Ok(Some(found)) if !gate.is(&found) => {
            let whose = parse_gate(&found).map(|f| format!(" by session {}", f.session));
            Err(refused(format!("the gate was replaced{}", whose.unwrap_or_default())).into())
        }
        _ => Ok(()),
    }
}

/// AWS says the credentials belong to another account than the vault does.
pub fn other_account(theirs: &str, sealed: &str) -> Error {
    Error::refused(format!(
        "the credentials belong to account {theirs}, the vault's target is account {sealed}"
    ))
    .next("use the vault and the credentials of one account")
}

fn failed(step: &str, fault: &Fault) -> Error {
    refused(format!("{step} failed: {fault}"))
}

fn refused(what: String) -> Error {
    Error::refused(what)
}
