//! The closing sequence: attach the deny, deactivate keys, end child processes, prove that access is closed, and
//! watch for writes of the opening that take effect late. If one step fails, the later steps still run.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fault::Write;
use super::host::{Children, Clock, Patience, Reporter};
use super::iam::{Closer, Emergency, Probed};
use super::join::{join, within};
use super::observed::{Scope, UserState, observe};
use super::progress::Pending;
use super::proof::{BETWEEN_LOOKS, ClosedAccess, prove};
use super::session::SessionId;
use crate::time_text;

/// The pause between two checks for a late write. Each check calls IAM three times, which is far below IAM's rate
/// limit.
const BETWEEN_WATCHES: Duration = Duration::from_secs(3);
/// If a write that AWS acknowledged has no effect after this time, the write is sent again.
const RESEND_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// The longest time for which the first calls to AWS can delay the end of the child processes.
const CHILDREN_WAIT: Duration = Duration::from_secs(2);
/// If AWS already refuses access, a write that fails is repeated only until this time after the start of the proof.
const TIDYING: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause between two attempts of a write that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The access to close: the keys and the session of one user.
#[derive(Debug)]
pub struct CloseRequest<'a> {
    /// ARN of `AWSDenyAll`.
    pub deny: &'a str,
    /// The ids of the keys to deactivate; `None` stands for every active key of the user.
    pub keys: Option<&'a [String]>,
    /// The session to close. If another session has an open window, that window is not closed. `None` closes every
    /// window.
    pub session: Option<SessionId>,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
}

impl CloseRequest<'_> {
    fn scope(&self) -> Scope<'_> {
        Scope { deny: self.deny, keys: self.keys }
    }
}

/// How a close ended.
#[derive(Debug, Eq, PartialEq)]
pub enum CloseOutcome {
    /// Access is proven closed.
    Closed {
        /// Whether a probe proved that access is closed. If false, the closed state was only read from IAM.
        probed: bool,
        /// The writes that failed, as text for people. AWS refuses access although these writes failed.
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
    end_children_beside(closing.write(), host).await;
    loop {
        closing.start_proof();
        if !prove(&mut closing, host).await {
            return closing.unproven();
        }
        let probed = closing.probed;
        if !closing.is_written() {
            return CloseOutcome::Closed { probed, untidy: Some(closing.failed_writes()) };
        }
        match watch(closer, request, pending.as_ref(), host).await {
            // The pending write might have taken effect after the refusals so far, so the proof starts again.
            Watched::Quiet if pending.take().is_some() => {}
            Watched::Quiet => return CloseOutcome::Closed { probed, untidy: None },
            Watched::GaveUp(Pending { what, doubt, .. }) => {
                let why = format!("{what} {doubt}, and may still take effect");
                return CloseOutcome::Unproven { why, until: request.until };
            }
            Watched::TakenOver { session, until } => return CloseOutcome::TakenOver { session, until },
            Watched::Arrived => {
                host.say("close: a late write arrived, or became visible only now; closing again");
                closing.forget_writes();
                closing.write().await;
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
    /// Whether the last check was a probe. If false, the last check only read IAM.
    probed: bool,
    /// The pause before the next check. While a write fails, the pause is longer.
    pause: Duration,
    /// The duration of this proof that the last progress message reported, in seconds.
    reported: i64,
}

impl<'a, C: Closer, E: Emergency, H: Clock + Reporter> Closing<'a, C, E, H> {
    fn new(closer: &'a C, emergency: &'a E, request: &'a CloseRequest<'a>, host: &'a H) -> Self {
        let (denied, inactive, sent) = (None, None, host.now());
        let (probed, pause, reported) = (false, BETWEEN_LOOKS, 0);
        Self { closer, emergency, request, host, denied, inactive, sent, probed, pause, reported }
    }

    fn start_proof(&mut self) {
        (self.pause, self.reported) = (BETWEEN_LOOKS, 0);
    }

    /// Attaches the deny and deactivates the keys. Skips a write that AWS has already acknowledged.
    async fn write(&mut self) {
        self.sent = self.host.now();
        if self.denied != Some(Ok(())) {
            self.denied = Some(self.closer.attach_deny().await);
        }
        if self.inactive != Some(Ok(())) {
            self.inactive = Some(deactivate(self.closer, self.request.keys).await);
        }
    }

    /// Reads IAM and returns whether the user is at rest. If the user is at rest, marks all writes as done, even if
    /// another process sent them.
    async fn read_back(&mut self) -> bool {
        let access = self.closer.read_access_state().await;
        let at_rest = observe(&access, &self.request.scope(), self.host.now()) == UserState::AtRest;
        if at_rest {
            (self.denied, self.inactive) = (Some(Ok(())), Some(Ok(())));
        }
        at_rest
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
        if let Some(Err(fault)) = &self.inactive {
            failed.push(format!("the key could not be deactivated ({fault})"));
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

impl<C: Closer, E: Emergency, H: Clock + Reporter> ClosedAccess for Closing<'_, C, E, H> {
    async fn is_refused(&mut self) -> bool {
        // If the deny is not attached, a refusal before T1 has another cause than the deny and proves nothing.
        let holds = self.denied == Some(Ok(())) || self.is_past_end();
        let (key, session) = join(self.emergency.probe_key(), self.emergency.probe_session()).await;
        self.probed = key.is_some() || session.is_some();
        if !self.probed {
            return self.read_back().await;
        }
        if key == Some(Probed::KeyRefused) && !self.is_written() {
            self.read_back().await;
        }
        let refused = |probed: Option<Probed>| match probed {
            None | Some(Probed::Refused) => true,
            Some(Probed::KeyRefused) => self.inactive == Some(Ok(())),
            Some(Probed::Open | Probed::Unclear(_)) => false,
        };
        holds && refused(key) && refused(session)
    }

    fn is_settled(&self, waited: SignedDuration) -> bool {
        self.is_written() || waited >= TIDYING
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

/// Deactivates every key. Continues if a key cannot be deactivated, and returns the first failure.
async fn deactivate(closer: &impl Closer, keys: Option<&[String]>) -> Write {
    let listed;
    let keys = if let Some(keys) = keys {
        keys
    } else {
        let keys = closer.read_access_state().await.keys?;
        listed = keys.into_iter().filter(|key| key.active).map(|key| key.id).collect::<Vec<_>>();
        &listed
    };
    let mut result = Ok(());
    for key in keys {
        result = result.and(closer.switch_key(key, false).await);
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
