//! The closing sequence: attach the deny, end children, probe with the active key until policy refuses it, deactivate all
//! keys, prove that access is closed, and watch for writes of the opening that take effect late. A step that fails does
//! not stop the later ones.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fault::{Fault, Write};
use super::host::{Children, Clock, Patience, Reporter};
use super::iam::{Closer, Emergency, Probed};
use super::join::{join, within};
use super::observed::{Leftover, Scope, UserState, observe};
use super::progress::Pending;
use super::proof::{BETWEEN_LOOKS, ClosedAccess, IN_A_ROW, prove};
use super::session::SessionId;
use crate::time_text;

/// The pause between two checks for a late write. Each check calls IAM three times, which is far below IAM's rate
/// limit.
const BETWEEN_WATCHES: Duration = Duration::from_secs(3);
/// If a write that AWS acknowledged has no effect after this time, the write is sent again.
const RESEND_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// The longest time for which the first calls to AWS can delay the end of the child processes.
const CHILDREN_WAIT: Duration = Duration::from_secs(2);
/// How long the deny is given to be seen at work before the keys are deactivated.
const BY_POLICY: SignedDuration = SignedDuration::from_secs(10);
/// How long a failing write is repeated after AWS already refuses access.
const TIDYING: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause between two attempts of a write that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The access to close: the keys and the session of one user.
#[derive(Debug)]
pub struct CloseRequest<'a> {
    /// ARN of `AWSDenyAll`.
    pub deny: &'a str,
    /// The id of the sealed key, if it is known. It is deactivated first, and then every other active key of the user.
    pub key: Option<&'a str>,
    /// The session to close; the open window of any other session is left alone. `None` closes every window.
    pub session: Option<SessionId>,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
}

impl CloseRequest<'_> {
    /// Every key of the user counts.
    fn scope(&self) -> Scope<'_> {
        Scope { deny: self.deny, keys: None }
    }
}

/// What AWS refused during the proof. A session that another process issued is never probed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refusals {
    /// Why the sealed key was refused; `None` if it was not probed.
    pub key: Option<KeyRefusal>,
    /// Whether the session that this process issued was refused.
    pub session: bool,
}

/// Why AWS refused the sealed key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyRefusal {
    /// By policy, while the key was active and before T1. The deny also holds for every session of the user.
    ByPolicy,
    /// T1 had passed, so the gate itself refuses, whatever the close did.
    AfterEnd,
    /// The key is inactive. This does not end sessions, and it is so whatever the policies are.
    Inactive,
}

impl Refusals {
    /// Whether the refusals show that policy ends access, rather than only that the key is inactive.
    pub fn probed(self) -> bool {
        self.session || matches!(self.key, Some(KeyRefusal::ByPolicy | KeyRefusal::AfterEnd))
    }
}

/// How a close ended.
#[derive(Debug, Eq, PartialEq)]
pub enum CloseOutcome {
    /// Access is proven closed.
    Closed {
        /// What AWS refused. If nothing was probed, the state was only read from IAM.
        refusals: Refusals,
        /// The writes that failed, although AWS refuses access.
        untidy: Option<String>,
    },
    /// Access of the requested session has ended. The window of another session is open and was not closed.
    TakenOver {
        /// The other session.
        session: SessionId,
        /// T1 of the other session.
        until: Timestamp,
    },
    /// Access might still be open.
    Unproven {
        /// The step that failed, or the change that AWS does not show.
        why: String,
        /// T1, if it is known.
        until: Option<Timestamp>,
    },
}

/// Closes access and proves that access is closed. After the proof, watches whether `pending`, a write of the
/// opening, takes effect late.
pub async fn close(
    closer: &impl Closer,
    emergency: &impl Emergency,
    request: &CloseRequest<'_>,
    mut pending: Option<Pending>,
    host: &(impl Clock + Patience + Reporter + Children),
) -> CloseOutcome {
    if let Some((session, until)) = taken_over(closer, request, host).await {
        host.end_children().await;
        return CloseOutcome::TakenOver { session, until };
    }
    let mut closing = Closing::new(closer, emergency, request, host);
    end_children_beside(closing.first_writes(), host).await;
    loop {
        closing.start_proof();
        if !prove(&mut closing, host).await {
            return closing.unproven();
        }
        let refusals = closing.probed;
        if !closing.is_written() {
            return CloseOutcome::Closed { refusals, untidy: Some(closing.failed_writes()) };
        }
        match watch(closer, request, pending.as_ref(), host).await {
            // The refusals so far may be from before the pending write took effect, so the proof starts again.
            Watched::Quiet if pending.take().is_some() => closing.by_policy = false,
            Watched::Quiet => return CloseOutcome::Closed { refusals, untidy: None },
            Watched::GaveUp(Pending { what, doubt, .. }) => {
                let why = format!("{what} {doubt}, and may still take effect");
                return CloseOutcome::Unproven { why, until: request.until };
            }
            Watched::TakenOver { session, until } => return CloseOutcome::TakenOver { session, until },
            Watched::Arrived => {
                host.say("close: a late write arrived, or became visible only now; closing again");
                closing.forget_writes();
                closing.first_writes().await;
            }
        }
    }
}

/// Returns the session and T1 of another session's open window. `None` if there is no such window, or IAM does not
/// answer within [`CHILDREN_WAIT`].
async fn taken_over(
    closer: &impl Closer,
    request: &CloseRequest<'_>,
    host: &impl Clock,
) -> Option<(SessionId, Timestamp)> {
    let requested = request.session?;
    let access = within(pin!(closer.read_access_state()), host.pause(CHILDREN_WAIT)).await?;
    match observe(&access, &request.scope(), host.now()) {
        UserState::Open { session, until } if session != requested => Some((session, until)),
        _ => None,
    }
}

/// Ends the child processes after the first writes. If the writes take longer than [`CHILDREN_WAIT`], does both
/// concurrently.
async fn end_children_beside(writes: impl Future<Output = ()>, host: &(impl Clock + Children)) {
    let mut writes = pin!(writes);
    if within(writes.as_mut(), host.pause(CHILDREN_WAIT)).await.is_some() {
        host.end_children().await;
    } else {
        join(writes, host.end_children()).await;
    }
}

/// The writes of a close and their results.
struct Closing<'a, C, E, H> {
    closer: &'a C,
    emergency: &'a E,
    request: &'a CloseRequest<'a>,
    host: &'a H,
    /// The result of the last attempt to attach the deny, or `Ok` if IAM showed that the deny is attached.
    denied: Option<Write>,
    /// The result of the last attempt to deactivate the keys, or `Ok` if IAM showed that the keys are inactive.
    inactive: Option<Write>,
    sent: Timestamp,
    /// Whether policy refused the active key before T1, several times in a row.
    by_policy: bool,
    /// What the last check probed; nothing if it read IAM.
    probed: Refusals,
    /// The pause before the next check, which is longer while a write fails.
    pause: Duration,
    /// The duration of this proof that the last progress message reported, in seconds.
    reported: i64,
}

impl<'a, C: Closer, E: Emergency, H: Clock + Patience + Reporter> Closing<'a, C, E, H> {
    fn new(closer: &'a C, emergency: &'a E, request: &'a CloseRequest<'a>, host: &'a H) -> Self {
        let (denied, inactive, sent) = (None, None, host.now());
        let (by_policy, probed) = (false, Refusals::default());
        let (pause, reported) = (BETWEEN_LOOKS, 0);
        Self { closer, emergency, request, host, denied, inactive, sent, by_policy, probed, pause, reported }
    }

    fn start_proof(&mut self) {
        (self.pause, self.reported) = (BETWEEN_LOOKS, 0);
    }

    /// Attaches the deny, lets it be seen at work, and deactivates the keys. If the deny cannot be attached, the keys are
    /// deactivated at once.
    async fn first_writes(&mut self) {
        self.sent = self.host.now();
        self.denied = Some(self.closer.attach_deny().await);
        if self.denied == Some(Ok(())) {
            self.by_policy = self.is_refused_by_policy().await;
        }
        self.write().await;
    }

    /// Probes with the key while it is active, until policy refuses it several times in a row, or [`BY_POLICY`] is over.
    /// An inactive key is refused whatever the policies are, so it shows nothing. After T1 the gate itself refuses.
    async fn is_refused_by_policy(&self) -> bool {
        let since = self.host.now();
        let mut in_a_row = 0;
        while !self.is_past_end() {
            in_a_row = match self.emergency.probe_key().await {
                Some(Probed::Refused) => in_a_row + 1,
                Some(Probed::Open | Probed::Unclear(_)) => 0,
                Some(Probed::KeyRefused) | None => return false,
            };
            if in_a_row == IN_A_ROW {
                return true;
            }
            if self.host.now().duration_since(since) >= BY_POLICY || self.host.gave_up() {
                break;
            }
            self.host.pause(BETWEEN_LOOKS).await;
        }
        false
    }

    /// Attaches the deny and deactivates the keys. Skips a write that AWS has already acknowledged.
    async fn write(&mut self) {
        self.sent = self.host.now();
        if self.denied != Some(Ok(())) {
            self.denied = Some(self.closer.attach_deny().await);
        }
        if self.inactive != Some(Ok(())) {
            self.inactive = Some(deactivate(self.closer, self.request.key).await);
        }
    }

    /// Reads IAM and returns whether it shows that access is closed. If the user is at rest, nothing is left to write,
    /// even if another process wrote it. If AWS refuses to let this principal deactivate keys, the deny alone counts.
    async fn read_back(&mut self) -> bool {
        let access = self.closer.read_access_state().await;
        match observe(&access, &self.request.scope(), self.host.now()) {
            UserState::AtRest => {
                (self.denied, self.inactive) = (Some(Ok(())), Some(Ok(())));
                true
            }
            // `AWSDenyAll` is attached in these states if it is not among the leftovers.
            UserState::Opening { .. } => self.may_not_deactivate(),
            UserState::Untidy(left) => !left.contains(&Leftover::DenyMissing) && self.may_not_deactivate(),
            _ => false,
        }
    }

    fn may_not_deactivate(&self) -> bool {
        matches!(self.inactive, Some(Err(Fault::Refused(_))))
    }

    fn is_written(&self) -> bool {
        self.denied == Some(Ok(())) && self.inactive == Some(Ok(()))
    }

    fn is_past_end(&self) -> bool {
        self.request.until.is_some_and(|until| self.host.now() >= until)
    }

    /// Forgets the results of all writes, so that the next attempt sends them again.
    fn forget_writes(&mut self) {
        (self.denied, self.inactive) = (None, None);
    }

    fn report(&mut self, waited: i64) {
        if waited > self.reported && (self.reported == 0 || waited >= self.reported + 5) {
            self.reported = waited;
            self.host.say(&format!("close: proving that access is closed, {waited} s so far"));
        }
    }

    fn failed_writes(&self) -> String {
        let mut failed = Vec::new();
        if let Some(Err(fault)) = &self.denied {
            failed.push(format!("AWSDenyAll could not be attached ({fault})"));
        }
        match (&self.inactive, &self.denied) {
            (Some(Err(fault @ Fault::Refused(_))), Some(Ok(()))) if !self.probed.probed() => {
                failed.push(format!("denied, read back; the key is still active ({fault})"));
            }
            (Some(Err(fault)), _) => failed.push(format!("the key could not be deactivated ({fault})")),
            _ => {}
        }
        failed.join("; ")
    }

    fn unproven(&self) -> CloseOutcome {
        let mut why = self.failed_writes();
        if why.is_empty() {
            why = "AWSDenyAll is attached and the key deactivated, but AWS does not show it yet".into();
        }
        CloseOutcome::Unproven { why, until: self.request.until }
    }
}

impl<C: Closer, E: Emergency, H: Clock + Patience + Reporter> ClosedAccess for Closing<'_, C, E, H> {
    async fn is_refused(&mut self) -> bool {
        // If the deny is not attached, a refusal before T1 has another cause than the deny and proves nothing.
        let holds = self.denied == Some(Ok(())) || self.is_past_end();
        let (key, session) = join(self.emergency.probe_key(), self.emergency.probe_session()).await;
        let why = match (self.by_policy, self.is_past_end()) {
            (true, _) => KeyRefusal::ByPolicy,
            (false, true) => KeyRefusal::AfterEnd,
            (false, false) => KeyRefusal::Inactive,
        };
        self.probed = Refusals { key: key.as_ref().map(|_| why), session: session.is_some() };
        if key.is_none() && session.is_none() {
            return self.read_back().await;
        }
        if key == Some(Probed::KeyRefused) && !self.is_written() {
            self.read_back().await;
        }
        let refused = |probed: &Option<Probed>| match probed {
            None | Some(Probed::Refused) => true,
            Some(Probed::KeyRefused) => self.inactive == Some(Ok(())),
            Some(Probed::Open | Probed::Unclear(_)) => false,
        };
        // An inactive key is refused whatever the policies are, so IAM has to show the deny.
        holds && refused(&key) && refused(&session) && (self.probed.probed() || self.read_back().await)
    }

    fn is_settled(&self, waited: SignedDuration) -> bool {
        // A permanent refusal is not tried again.
        self.is_written() || self.may_not_deactivate() && self.denied == Some(Ok(())) || waited >= TIDYING
    }

    async fn settle(&mut self, refused: bool, waited: SignedDuration) -> Duration {
        self.report(waited.as_secs());
        if !refused && self.host.now().duration_since(self.sent) >= RESEND_AFTER {
            self.forget_writes();
        }
        if !self.is_written() {
            self.write().await;
        }
        self.pause = if self.is_written() { BETWEEN_LOOKS } else { (self.pause * 2).min(LONGEST_PAUSE) };
        self.pause
    }
}

/// Deactivates the sealed key, then reads which other keys are active and deactivates them. A key that fails does not
/// stop the others. Returns the first failure.
async fn deactivate(closer: &impl Closer, sealed: Option<&str>) -> Write {
    let mut result = Ok(());
    if let Some(sealed) = sealed {
        result = closer.switch_key(sealed, false).await;
    }
    let keys = match closer.read_access_state().await.keys {
        Ok(keys) => keys,
        Err(fault) => return result.and(Err(fault)),
    };
    for key in keys.iter().filter(|key| key.active && Some(key.id.as_str()) != sealed) {
        result = result.and(closer.switch_key(&key.id, false).await);
    }
    result
}

/// The result of [`watch`].
enum Watched {
    /// The user stayed at rest, and the pending write can no longer take effect.
    Quiet,
    /// The user is not at rest. Either a late write took effect, or an earlier write became visible only now.
    Arrived,
    /// Another session has begun to open.
    TakenOver {
        session: SessionId,
        until: Timestamp,
    },
    GaveUp(Pending),
}

/// Reads IAM until the pending write can no longer take effect, or until T1.
async fn watch(
    closer: &impl Closer,
    request: &CloseRequest<'_>,
    pending: Option<&Pending>,
    host: &(impl Clock + Patience + Reporter),
) -> Watched {
    let Some(pending) = pending else {
        return Watched::Quiet;
    };
    let Pending { what, doubt, expires } = pending;
    let end = request.until.map_or(*expires, |until| until.min(*expires));
    let mut said = false;
    loop {
        match observe(&closer.read_access_state().await, &request.scope(), host.now()) {
            UserState::AtRest | UserState::Unknown(_) => {}
            UserState::Open { session, until } | UserState::Opening { session, until }
                if request.session.is_some_and(|requested| requested != session) =>
            {
                return Watched::TakenOver { session, until };
            }
            _ => return Watched::Arrived,
        }
        if host.now() >= end {
            return Watched::Quiet;
        }
        if host.gave_up() {
            return Watched::GaveUp(pending.clone());
        }
        if !said {
            said = true;
            let end = time_text::clock(end);
            host.say(&format!("close: {what} {doubt}; watching until {end} UTC for a late opening"));
        }
        host.pause(BETWEEN_WATCHES).await;
    }
}
