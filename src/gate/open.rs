//! Open: an end is written in IAM before the first moment of access.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::close::{Outcome, Shutting, close};
use super::iam::{Closer, Emergency, Fault, Opener, Probed, World, Write};
use super::policy::Gate;
use super::rest::{Expected, Finding, Judgement, Verdict, judge};
use super::session::SessionId;
use super::snapshot::{Glance, Snapshot};
use super::trail::{Kind, Trail};
use crate::error::{Error, Result};
use crate::vault::canonical;

/// Successes in a row after which a change counts as seen everywhere.
const IN_A_ROW: u32 = 3;
const BETWEEN_PROBES: Duration = Duration::from_millis(250);
/// How long AWS may take to show a write, and to let the key in.
const READ_BACK: SignedDuration = SignedDuration::from_secs(30);
const LET_IN: SignedDuration = SignedDuration::from_mins(2);
const THROTTLED: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What is to be opened.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The user as it was sealed.
    pub expected: &'a Expected,
    /// The account the opener has to be in.
    pub account: &'a str,
    /// The sealed statements.
    pub grant: &'a [Value],
    /// Where they hold.
    pub regions: &'a [String],
    /// This opening's id.
    pub session: SessionId,
    /// T1 − T0.
    pub window: Duration,
    /// A session shall be issued for work in the window.
    pub hand_out: bool,
}

/// An open window.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// T0.
    pub from: Timestamp,
    /// T1.
    pub until: Timestamp,
}

/// Why there is no open window.
#[derive(Debug)]
pub enum Stop {
    /// Somebody wanted it to stop.
    Interrupted,
    /// A step failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Opens the gate; afterwards the opener is gone. Whatever goes wrong once [`Trail::touched`]: close.
///
/// # Errors
/// The step that failed, or that it was interrupted.
pub async fn open<O: Opener>(
    opener: O,
    closer: &impl Closer,
    emergency: &impl Emergency,
    plan: &Plan<'_>,
    trail: &Trail,
    world: &impl World,
) -> std::result::Result<Opened, Stop> {
    // 1. Alerts go out here, until one is acknowledged: people are told before anything is enabled.

    // 2. From here the session is one's own.
    world.intend()?;

    // 3. T0 and T1 are AWS's.
    let identity = opener.identify().await.map_err(|fault| {
        failed("asking AWS for the time", &fault)
            .next("check the network and AWS_ENDPOINT_URL, then open again")
    })?;
    if identity.account != plan.account {
        return Err(other_account(&identity.account, plan.account).into());
    }
    let until = end_of(identity.time, plan.window)?;
    let gate =
        Gate { session: plan.session, from: identity.time, until, grant: plan.grant, regions: plan.regions };
    trail.ends(until);
    world.end_is_set(until);

    // 4. Only a user at rest is opened.
    at_rest(&opener, closer, emergency, plan, world).await?;
    go_on(world, until)?;

    // 5. The end is written before anything is enabled, and read back.
    put_gate(&opener, plan, &gate, trail, world).await?;
    go_on(world, until)?;

    // 6. The key works, under a deny.
    activate(closer, plan, trail, world).await?;
    go_on(world, until)?;

    // 7. Only this enables.
    lift(&opener, closer, plan, trail, world).await?;
    drop(opener);

    // 8. Until AWS lets the key in everywhere.
    let_in("the key", world, until, || emergency.probe_key()).await?;
    still_ours(closer, &gate).await?;
    if plan.hand_out {
        issue(emergency, world, until).await?;
        let_in("the session", world, until, || emergency.probe_session()).await?;
    }
    Ok(Opened { from: identity.time, until })
}

fn end_of(from: Timestamp, window: Duration) -> Result<Timestamp> {
    from.checked_add(window).map_err(|_| Error::usage("the window is too long"))
}

fn go_on(world: &impl World, until: Timestamp) -> std::result::Result<(), Stop> {
    if world.interrupted() || world.now() >= until { Err(Stop::Interrupted) } else { Ok(()) }
}

async fn at_rest(
    opener: &impl Opener,
    closer: &impl Closer,
    emergency: &impl Emergency,
    plan: &Plan<'_>,
    world: &impl World,
) -> std::result::Result<(), Stop> {
    let judgement = look(&opener.read().await, plan.expected, world, true)?;
    let Verdict::Untidy(leftovers) = judgement.verdict else {
        return Ok(());
    };
    let left: Vec<String> = leftovers.iter().map(ToString::to_string).collect();
    world.say(&format!("gate: an earlier window was not closed ({}); closing it first", left.join(", ")));
    let keys = [plan.expected.key.clone()];
    let shutting = Shutting { deny: &plan.expected.deny, keys: Some(&keys), session: None, until: None };
    if let Outcome::Unproven { why, .. } = close(closer, emergency, &shutting, None, world).await {
        return Err(refused(format!("an earlier window could not be closed: {why}")).into());
    }
    let patience = Patience::new(world, READ_BACK);
    loop {
        go_on(world, Timestamp::MAX)?;
        match look(&opener.read().await, plan.expected, world, false)?.verdict {
            Verdict::AtRest => return Ok(()),
            _ if patience.is_over(world) => {
                return Err(refused("the user does not come to rest".to_owned()).into());
            }
            _ => world.pause(Duration::from_secs(1)).await,
        }
    }
}

/// The judgement, if it does not forbid opening.
fn look(snapshot: &Snapshot, expected: &Expected, world: &impl World, aloud: bool) -> Result<Judgement> {
    let judgement = judge(snapshot, expected, world.now());
    for warning in judgement.warnings.iter().filter(|_| aloud) {
        world.say(&format!("warning: {warning}"));
    }
    match &judgement.verdict {
        Verdict::AtRest | Verdict::Untidy(_) => Ok(judgement),
        Verdict::Drift(findings) => Err(drifted(expected, findings)),
        Verdict::OpenWindow { session, until } => Err(Error::refused(format!(
            "a window is open on user {} already: session {session}, until {until}",
            expected.user
        ))
        .next("wait for its end, or end it: breakglass close VAULT --force")),
    }
}

fn drifted(expected: &Expected, findings: &[Finding]) -> Error {
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Error::refused(format!("user {} is not as it was sealed: {}", expected.user, list.join("; ")))
        .next("let an AWS administrator put it right, then open again")
}

async fn put_gate(
    opener: &impl Opener,
    plan: &Plan<'_>,
    gate: &Gate<'_>,
    trail: &Trail,
    world: &impl World,
) -> std::result::Result<(), Stop> {
    const STEP: &str = "writing the gate";
    let document = canonical::text(&gate.document())?;
    let sent = send(STEP, Kind::Inert, trail, world, || opener.put_gate(&document)).await?;
    let patience = Patience::new(world, READ_BACK);
    loop {
        let snapshot = opener.read().await;
        let written = matches!(&snapshot.gate, Ok(Some(found)) if gate.is(found));
        match judge(&snapshot, plan.expected, world.now()).verdict {
            Verdict::AtRest if written => break,
            Verdict::Drift(findings) if patience.is_over(world) || !findings.iter().all(is_unread) => {
                return Err(drifted(plan.expected, &findings).into());
            }
            _ if patience.is_over(world) => return Err(lost(STEP, &sent).into()),
            _ => {}
        }
        go_on(world, gate.until)?;
        world.pause(BETWEEN_PROBES).await;
    }
    trail.settled();
    world.say("gate: policy written and read back");
    Ok(())
}

/// A reading that failed may do better the next time; drift does not.
fn is_unread(finding: &Finding) -> bool {
    matches!(finding, Finding::Unread(..))
}

async fn activate(
    closer: &impl Closer,
    plan: &Plan<'_>,
    trail: &Trail,
    world: &impl World,
) -> std::result::Result<(), Stop> {
    const STEP: &str = "activating the key";
    let key = &plan.expected.key;
    let sent = send(STEP, Kind::Readies, trail, world, || closer.switch_key(key, true)).await?;
    let seen = |s: &Glance| matches!(&s.keys, Ok(keys) if keys.iter().any(|k| k.id == *key && k.active));
    if sent.is_err() && !seen_soon(closer, seen, world).await {
        return Err(lost(STEP, &sent).into());
    }
    trail.settled();
    Ok(())
}

async fn lift(
    opener: &impl Opener,
    closer: &impl Closer,
    plan: &Plan<'_>,
    trail: &Trail,
    world: &impl World,
) -> std::result::Result<(), Stop> {
    const STEP: &str = "detaching AWSDenyAll";
    let sent = send(STEP, Kind::Enables, trail, world, || opener.lift_deny()).await?;
    let seen = |s: &Glance| matches!(&s.attached, Ok(arns) if !arns.contains(&plan.expected.deny));
    if sent.is_err() && !seen_soon(closer, seen, world).await {
        return Err(lost(STEP, &sent).into());
    }
    trail.settled();
    Ok(())
}

/// Sends one write of open. It goes out again only when AWS said that it did nothing but ask for time.
///
/// Ok(Err) is a write whose outcome is unknown: to be read back.
async fn send<F: Future<Output = Write>>(
    step: &'static str,
    kind: Kind,
    trail: &Trail,
    world: &impl World,
    write: impl Fn() -> F,
) -> std::result::Result<Write, Stop> {
    for wait in THROTTLED.into_iter().map(Some).chain([None]) {
        trail.sends(step, kind, world.now());
        match (write().await, wait) {
            (Ok(()), _) => return Ok(Ok(())),
            (Err(fault @ Fault::Unknown(_)), _) => return Ok(Err(fault)),
            (Err(Fault::Throttled(_)), Some(wait)) => {
                trail.settled();
                world.pause(wait).await;
                go_on(world, Timestamp::MAX)?;
            }
            (Err(fault), _) => {
                trail.settled();
                return Err(failed(step, &fault).into());
            }
        }
    }
    Err(Stop::Interrupted)
}

async fn seen_soon(closer: &impl Closer, seen: impl Fn(&Glance) -> bool, world: &impl World) -> bool {
    let patience = Patience::new(world, READ_BACK);
    loop {
        if seen(&closer.glance().await) {
            return true;
        }
        if patience.is_over(world) || world.interrupted() {
            return false;
        }
        world.pause(Duration::from_secs(1)).await;
    }
}

/// Probes until several successes in a row.
async fn let_in<F: Future<Output = Option<Probed>>>(
    whom: &str,
    world: &impl World,
    until: Timestamp,
    probe: impl Fn() -> F,
) -> std::result::Result<(), Stop> {
    let patience = Patience::new(world, LET_IN);
    let mut in_a_row = 0;
    let mut said = 0;
    loop {
        let probed =
            probe().await.unwrap_or_else(|| Probed::Unclear("there is nothing to probe with".into()));
        in_a_row = if probed == Probed::Open { in_a_row + 1 } else { 0 };
        if in_a_row == IN_A_ROW {
            return Ok(());
        }
        go_on(world, until)?;
        let waited = patience.seconds(world);
        if patience.is_over(world) {
            let why = match probed {
                Probed::Unclear(why) => why,
                _ => "AWS still refuses it".into(),
            };
            return Err(refused(format!("AWS did not let {whom} in within {waited} s: {why}")).into());
        }
        if waited > said && (said == 0 || waited >= said + 5) {
            said = waited;
            world.say(&format!("gate: waiting for AWS to let {whom} in everywhere, {waited} s so far"));
        }
        world.pause(BETWEEN_PROBES).await;
    }
}

/// Two openings at the same time: the gate of the later one stands, and only that one goes on.
async fn still_ours(closer: &impl Closer, gate: &Gate<'_>) -> std::result::Result<(), Stop> {
    match closer.glance().await.gate {
        Ok(Some(found)) if !gate.is(&found) => {
            let whose = super::policy::recognise(&found).map(|f| format!(" by session {}", f.session));
            Err(refused(format!("the gate was replaced{}", whose.unwrap_or_default())).into())
        }
        _ => Ok(()),
    }
}

async fn issue(
    emergency: &impl Emergency,
    world: &impl World,
    until: Timestamp,
) -> std::result::Result<(), Stop> {
    for wait in THROTTLED.into_iter().map(Some).chain([None]) {
        match (emergency.issue_session().await, wait) {
            (Ok(()), _) => return Ok(()),
            (Err(_), Some(wait)) => world.pause(wait).await,
            (Err(fault), None) => return Err(failed("issuing a session", &fault).into()),
        }
        go_on(world, until)?;
    }
    Err(Stop::Interrupted)
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

fn lost(step: &str, sent: &Write) -> Error {
    match sent {
        Err(fault) => refused(format!("{step}: {fault}, and it is not seen when read back")),
        Ok(()) => refused(format!("{step}: AWS took it, but it is not seen when read back")),
    }
}

fn refused(what: String) -> Error {
    Error::refused(what)
}

struct Patience {
    since: Timestamp,
    limit: SignedDuration,
}

impl Patience {
    fn new(world: &impl World, limit: SignedDuration) -> Self {
        Self { since: world.now(), limit }
    }

    fn seconds(&self, world: &impl World) -> i64 {
        world.now().duration_since(self.since).as_secs()
    }

    fn is_over(&self, world: &impl World) -> bool {
        world.now().duration_since(self.since) >= self.limit
    }
}
