//! Sends the writes of the opening, and issues the AWS session. Each write must be in effect before the next write is
//! sent.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;

use super::plan::OpenPlan;
use super::stop::{Stop, drifted, failed, no_answer, not_done, other_window, refused, unreadable};
use super::waiting::{BETWEEN_PROBES, READ_BACK, TimeLimit, go_on};
use crate::gate::fault::{Fault, Write};
use crate::gate::host::{Clock, OpenHooks, Patience, Reporter};
use crate::gate::iam::{Closer, Emergency, Opener, Wanted};
use crate::gate::join::join;
use crate::gate::observed::{UserState, assess};
use crate::gate::policy::Gate;
use crate::gate::progress::{Effect, OpenProgress};
use crate::gate::snapshot::AccessState;
use crate::vault::canonical;

/// The pauses before a throttled call is sent again. The AWS SDK's own retries are off, because the order of the writes
/// matters.
const THROTTLED: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Checks that the closer is allowed to close access. The closer attaches `AWSDenyAll`, although it is already
/// attached, and deactivates the key, although the key is already inactive. Both writes change nothing in IAM. If AWS
/// refuses one of the two writes, the closer could not close the window.
///
/// If another machine opened a window after this opening read the user's state, these writes end that window.
pub(super) async fn prove_closer(
    closer: &impl Closer,
    plan: &OpenPlan<'_>,
    host: &(impl Clock + Patience + Reporter),
) -> std::result::Result<(), Stop> {
    let deny = proven("attaching AWSDenyAll", "iam:AttachUserPolicy", plan, host, || closer.attach_deny());
    let key = &plan.expected.key;
    let off =
        proven("deactivating the key", "iam:UpdateAccessKey", plan, host, || closer.switch_key(key, false));
    let (deny, off) = join(deny, off).await;
    deny?;
    off?;
    Ok(())
}

/// Sends a write of the closer, and repeats the write if the call fails. If AWS refuses the write, the opening fails at
/// once.
async fn proven<F: Future<Output = Write>>(
    step: &str,
    action: &str,
    plan: &OpenPlan<'_>,
    host: &(impl Clock + Patience),
    write: impl Fn() -> F,
) -> std::result::Result<(), Stop> {
    for wait in THROTTLED.into_iter().map(Some).chain([None]) {
        match (write().await, wait) {
            (Ok(()), _) => return Ok(()),
            (Err(Fault::Refused(why)), _) => {
                let user = &plan.expected.user;
                return Err(refused(format!(
                    "the closer is not allowed {action} on user {user}, so a window could not be closed: {why}"
                ))
                .next(format!("ask an AWS administrator to allow the closer {action} on user {user}, then open again"))
                .into());
            }
            (Err(_), Some(wait)) => {
                host.pause(wait).await;
                go_on(host, Timestamp::MAX)?;
            }
            (Err(fault), None) => {
                return Err(Stop::ControlPlane(no_answer(&format!("{step} by the closer failed: {fault}"))));
            }
        }
    }
    Err(Stop::Interrupted)
}

/// Writes the gate while `AWSDenyAll` is attached. After the write, reads IAM to confirm that the gate exists and that
/// the user is still at rest. If another machine has opened a window in the meantime, stops and does not change that
/// window.
pub(super) async fn put_gate(
    opener: &impl Opener,
    plan: &OpenPlan<'_>,
    gate: &Gate<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience + Reporter),
) -> std::result::Result<(), Stop> {
    const STEP: &str = "writing the gate";
    let document = canonical::text(&gate.document())?;
    let sent = send(STEP, Effect::Inert, progress, host, || opener.put_gate(&document)).await?;
    let limit = TimeLimit::new(host, READ_BACK);
    let mut is_lifted = false;
    loop {
        let snapshot = opener.read().await;
        let written = matches!(&snapshot.access.gate, Ok(Some(found)) if gate.is(found));
        match assess(&snapshot, plan.expected, host.now()).state {
            UserState::AtRest if written => break,
            UserState::Drifted(drift) => return Err(drifted(plan.expected, &drift)),
            // This opening has not detached `AWSDenyAll` yet, so another machine has detached it. The state must be
            // read twice, because a single read can show an old state.
            UserState::Open { session, until }
                if session == plan.session && std::mem::replace(&mut is_lifted, true) =>
            {
                return Err(other_window(plan, until));
            }
            // A failed read can succeed at the next attempt.
            UserState::Unknown(unread) if limit.is_over(host) => {
                return Err(unreadable(plan.expected, unread));
            }
            _ if limit.is_over(host) => return Err(lost(STEP, &sent)),
            _ => {}
        }
        go_on(host, gate.until)?;
        host.pause(BETWEEN_PROBES).await;
    }
    progress.settled();
    host.say("gate: policy written and read back");
    Ok(())
}

/// Activates the emergency key.
pub(super) async fn activate(
    closer: &impl Closer,
    plan: &OpenPlan<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience),
) -> std::result::Result<(), Stop> {
    const STEP: &str = "activating the key";
    let key = &plan.expected.key;
    let sent = send(STEP, Effect::Readies, progress, host, || closer.switch_key(key, true)).await?;
    let seen = |s: &AccessState| matches!(&s.keys, Ok(keys) if keys.iter().any(|k| k.id == *key && k.active));
    if sent.is_err() && !seen_soon(closer, seen, host).await {
        return Err(lost(STEP, &sent));
    }
    progress.settled();
    Ok(())
}

/// Detaches `AWSDenyAll`. The detaching of `AWSDenyAll` enables access.
pub(super) async fn lift(
    opener: &impl Opener,
    closer: &impl Closer,
    plan: &OpenPlan<'_>,
    progress: &OpenProgress,
    host: &(impl Clock + Patience + OpenHooks),
) -> std::result::Result<(), Stop> {
    const STEP: &str = "detaching AWSDenyAll";
    host.record_enabling()?;
    let sent = send(STEP, Effect::Enables, progress, host, || opener.lift_deny()).await?;
    let seen = |s: &AccessState| matches!(&s.attached, Ok(arns) if !arns.contains(&plan.expected.deny));
    if sent.is_err() && !seen_soon(closer, seen, host).await {
        return Err(lost(STEP, &sent));
    }
    progress.spreads(STEP, host.now());
    Ok(())
}

/// Sends one write of the opening. If AWS throttles the write, sends the write again, because a throttled write has no
/// effect. A write that AWS did not throttle is sent only once.
///
/// Returns `Ok(Err(_))` if the result of the write is unknown and must be read from IAM.
async fn send<F: Future<Output = Write>>(
    step: &'static str,
    effect: Effect,
    progress: &OpenProgress,
    host: &(impl Clock + Patience),
    write: impl Fn() -> F,
) -> std::result::Result<Write, Stop> {
    for wait in THROTTLED.into_iter().map(Some).chain([None]) {
        progress.sends(step, effect, host.now());
        match (write().await, wait) {
            (Ok(()), _) => return Ok(Ok(())),
            (Err(fault @ Fault::Unknown(_)), _) => return Ok(Err(fault)),
            (Err(Fault::Throttled(_)), Some(wait)) => {
                progress.settled();
                host.pause(wait).await;
                go_on(host, Timestamp::MAX)?;
            }
            (Err(fault), _) => {
                progress.settled();
                return Err(not_done(step, &fault));
            }
        }
    }
    Err(Stop::Interrupted)
}

async fn seen_soon(
    closer: &impl Closer,
    seen: impl Fn(&AccessState) -> bool,
    host: &(impl Clock + Patience),
) -> bool {
    let limit = TimeLimit::new(host, READ_BACK);
    loop {
        if seen(&closer.read_access_state().await) {
            return true;
        }
        if limit.is_over(host) || host.interrupted() {
            return false;
        }
        host.pause(Duration::from_secs(1)).await;
    }
}

/// Issues the AWS session for use during the window.
pub(in crate::gate) async fn issue(
    emergency: &impl Emergency,
    wanted: &Wanted<'_>,
    host: &(impl Clock + Patience + Reporter),
) -> std::result::Result<(), Stop> {
    let mut codes_refused = 0;
    for wait in THROTTLED.into_iter().map(Some).chain([None]) {
        code_is_ready(emergency, host).await;
        go_on(host, wanted.until)?;
        let Err(fault) = emergency.issue_session(wanted).await else {
            return Ok(());
        };
        // Another process might have used the first one-time code, so a second code is tried. If AWS refuses the second
        // code, the code is not the cause.
        if matches!(fault, Fault::Refused(_)) && !emergency.ready_in().is_zero() {
            codes_refused += 1;
        }
        match wait {
            Some(wait) if codes_refused < 2 => {
                host.say(&format!("gate: issuing a session failed: {fault}; trying again"));
                host.pause(wait).await;
            }
            _ => {
                return Err(failed("issuing a session", &fault)
                    .next(
                        "ask an AWS administrator to check the user's MFA device, or the role's trust policy and its \
                         MaxSessionDuration",
                    )
                    .into());
            }
        }
    }
    Err(Stop::Interrupted)
}

/// Waits for an unused one-time code, because AWS accepts each code only once.
async fn code_is_ready(emergency: &impl Emergency, host: &(impl Clock + Reporter)) {
    let wait = emergency.ready_in();
    if !wait.is_zero() {
        host.say(&format!("gate: waiting {} s for the next one-time code", wait.as_secs() + 1));
        host.pause(wait).await;
    }
}

fn lost(step: &str, sent: &Write) -> Stop {
    Stop::ControlPlane(match sent {
        Err(fault) => no_answer(&format!("{step}: {fault}, and IAM does not show the change")),
        Ok(()) => refused(format!("{step}: AWS acknowledged the write, but IAM does not show the change")),
    })
}
