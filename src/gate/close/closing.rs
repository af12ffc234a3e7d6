//! The IAM writes that close access, and the proof that access is closed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::refusals::{KeyRefusal, Refusals};
use super::request::{CloseOutcome, CloseRequest};
use crate::gate::fault::{Fault, Write};
use crate::gate::host::{Clock, Patience, Reporter};
use crate::gate::iam::{Closer, Emergency, Probed};
use crate::gate::join::{join, unless_given_up};
use crate::gate::observed::{Leftover, UserState, observe};
use crate::gate::proof::{BETWEEN_LOOKS, ClosedAccess, IN_A_ROW};
use crate::gate::session::SessionId;

/// Sends an acknowledged write again if the write has not taken effect after this time.
const RESEND_AFTER: SignedDuration = SignedDuration::from_secs(20);
/// The longest time for which the close waits for a probe to show that `AWSDenyAll` is in effect. If no probe shows the
/// effect of `AWSDenyAll` in time, the close deactivates the keys.
const BY_POLICY: SignedDuration = SignedDuration::from_secs(10);
/// How long the close repeats a failing write if AWS already refuses access.
const TIDYING: SignedDuration = SignedDuration::from_secs(30);
/// The longest pause between two attempts at a failing write.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The IAM writes of a close, and the results of these writes.
pub(super) struct Closing<'a, C, E, H> {
    closer: &'a C,
    emergency: &'a E,
    request: &'a CloseRequest<'a>,
    host: &'a H,
    /// The result of the last attempt to attach `AWSDenyAll`, or `Ok` if IAM showed that `AWSDenyAll` is attached.
    denied: Option<Write>,
    /// The result of the last attempt to deactivate the keys, or `Ok` if IAM showed that the keys are inactive.
    inactive: Option<Write>,
    /// The reason why the list of the user's access keys could not be read. If the list could not be read, only the
    /// sealed key was deactivated.
    unlisted: Option<Fault>,
    sent: Timestamp,
    /// The open window that IAM showed during the previous check and during this check. Each entry has the session and
    /// the end of the window.
    seen: [Option<(SessionId, Timestamp)>; 2],
    /// The open window of another session, if two reads in a row showed the window. The close does not end the other
    /// session's window.
    other: Option<(SessionId, Timestamp)>,
    /// Whether a policy refused the active key before T1, several times in a row.
    pub(super) by_policy: bool,
    /// What AWS refused in the last check. A check that only read IAM has no refusals.
    pub(super) probed: Refusals,
    /// The pause before the next check. The pause is longer while a write fails.
    pause: Duration,
    /// The duration of this proof, in seconds, that the last progress message reported.
    reported: i64,
}

impl<'a, C: Closer, E: Emergency, H: Clock + Patience + Reporter> Closing<'a, C, E, H> {
    pub(super) fn new(closer: &'a C, emergency: &'a E, request: &'a CloseRequest<'a>, host: &'a H) -> Self {
        let (denied, inactive, sent) = (None, None, host.now());
        Self {
            closer,
            emergency,
            request,
            host,
            denied,
            inactive,
            unlisted: None,
            sent,
            seen: [None; 2],
            other: None,
            by_policy: false,
            probed: Refusals::default(),
            pause: BETWEEN_LOOKS,
            reported: 0,
        }
    }

    pub(super) fn start_proof(&mut self) {
        (self.pause, self.reported) = (BETWEEN_LOOKS, 0);
    }

    /// Attaches `AWSDenyAll`, probes until AWS refuses the key because of `AWSDenyAll`, and then deactivates the keys.
    /// If `AWSDenyAll` cannot be attached, deactivates the keys immediately.
    pub(super) async fn first_writes(&mut self) {
        self.sent = self.host.now();
        self.denied = Some(self.attach_deny().await);
        if self.denied == Some(Ok(())) {
            self.by_policy = self.is_refused_by_policy().await;
        }
        self.write().await;
    }

    async fn attach_deny(&self) -> Write {
        unless_given_up(self.host, self.closer.attach_deny()).await.unwrap_or(Err(stopped()))
    }

    /// Probes with the active key until a policy refuses the key several times in a row, or until [`BY_POLICY`] has
    /// passed. AWS refuses an inactive key regardless of the policies, so a probe with an inactive key would not test
    /// `AWSDenyAll`. After T1, the gate refuses the key, so the probe stops.
    async fn is_refused_by_policy(&self) -> bool {
        let since = self.host.now();
        let mut in_a_row = 0;
        while !self.is_past_end() {
            let probed = unless_given_up(self.host, self.emergency.probe_key()).await;
            in_a_row = match probed.flatten() {
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

    /// Attaches `AWSDenyAll` and deactivates the keys. Skips a write that AWS has already acknowledged.
    async fn write(&mut self) {
        self.sent = self.host.now();
        if self.denied != Some(Ok(())) {
            self.denied = Some(self.attach_deny().await);
        }
        if self.inactive != Some(Ok(())) || !self.is_list_final() {
            let deactivating = deactivate(self.closer, self.request.key);
            let (inactive, unlisted) =
                unless_given_up(self.host, deactivating).await.unwrap_or((Err(stopped()), None));
            (self.inactive, self.unlisted) = (Some(inactive), unlisted);
        }
    }

    /// Reads IAM, and returns whether IAM shows that access is closed. If the user is at rest, marks every write as
    /// done, even if another process made the write. If the closer is not allowed to deactivate keys, access counts as
    /// closed when `AWSDenyAll` is attached.
    async fn read_back(&mut self) -> bool {
        let Some(access) = unless_given_up(self.host, self.closer.read_access_state()).await else {
            return false;
        };
        let state = observe(&access, &self.request.scope(), self.host.now());
        self.note_open(&state);
        match state {
            UserState::AtRest => {
                (self.denied, self.inactive, self.unlisted) = (Some(Ok(())), Some(Ok(())), None);
                true
            }
            // In the states `Opening` and `Untidy`, `AWSDenyAll` is attached unless the leftovers include
            // `DenyMissing`.
            UserState::Opening { .. } => self.may_not_deactivate(),
            UserState::Untidy(left) => !left.contains(&Leftover::DenyMissing) && self.may_not_deactivate(),
            _ => false,
        }
    }

    /// Notes whether IAM shows an open window, and whether the window belongs to another session. A window of another
    /// session counts after two reads in a row, because a single read can show an old state.
    fn note_open(&mut self, state: &UserState) {
        let open = match *state {
            UserState::Open { session, until } => Some((session, until)),
            _ => None,
        };
        let other = open.filter(|(session, _)| self.request.is_other(*session));
        self.other = self.other.or(other.filter(|_| self.seen[0] == other));
        self.seen[1] = open;
    }

    /// Returns the open window of another session that the last read showed.
    fn sees_other(&self) -> Option<(SessionId, Timestamp)> {
        self.seen[1].filter(|(session, _)| self.request.is_other(*session))
    }

    fn may_not_deactivate(&self) -> bool {
        matches!(self.inactive, Some(Err(Fault::Refused(_))))
    }

    pub(super) fn is_written(&self) -> bool {
        self.denied == Some(Ok(())) && self.inactive == Some(Ok(())) && self.is_list_final()
    }

    /// Whether the list of the user's keys was read, or cannot be read because AWS refuses the read.
    fn is_list_final(&self) -> bool {
        matches!(self.unlisted, None | Some(Fault::Refused(_)))
    }

    /// Whether every step of the close succeeded.
    pub(super) fn is_complete(&self) -> bool {
        self.is_written() && self.unlisted.is_none()
    }

    fn is_past_end(&self) -> bool {
        self.request.until.is_some_and(|until| self.host.now() >= until)
    }

    /// Forgets the results of all writes, so that the next attempt sends them again.
    pub(super) fn forget_writes(&mut self) {
        (self.denied, self.inactive) = (None, None);
    }

    fn report(&mut self, waited: i64) {
        if waited > self.reported && (self.reported == 0 || waited >= self.reported + 5) {
            self.reported = waited;
            self.host.say(&format!("close: proving that access is closed, {waited} s so far"));
        }
    }

    pub(super) fn failed_writes(&self) -> String {
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
        if let (Some(fault), []) = (&self.unlisted, failed.as_slice()) {
            failed.push(format!("it is not known whether the user has other active keys ({fault})"));
        }
        failed.join("; ")
    }

    pub(super) fn unproven(&self) -> CloseOutcome {
        if let Some((session, until)) = self.other.or(self.sees_other()) {
            return CloseOutcome::TakenOver { session, until, was_closed: false };
        }
        let mut why = self.failed_writes();
        if why.is_empty() {
            why = "AWSDenyAll is attached and the key deactivated, but AWS does not show it yet".into();
        }
        let seen = self.seen[1].map(|(_, until)| until);
        CloseOutcome::Unproven { why, until: seen.max(self.request.until) }
    }
}

impl<C: Closer, E: Emergency, H: Clock + Patience + Reporter> ClosedAccess for Closing<'_, C, E, H> {
    async fn is_refused(&mut self) -> bool {
        self.seen = [self.seen[1], None];
        // If `AWSDenyAll` is not attached, a refusal before T1 has another cause, so the refusal proves nothing.
        let holds = self.denied == Some(Ok(())) || self.is_past_end();
        let probes = join(self.emergency.probe_key(), self.emergency.probe_session());
        let Some((key, session)) = unless_given_up(self.host, probes).await else {
            return false;
        };
        let why = match (self.by_policy, self.is_past_end()) {
            (true, _) => KeyRefusal::ByPolicy,
            (false, true) => KeyRefusal::AfterEnd,
            (false, false) => KeyRefusal::Inactive,
        };
        self.probed = Refusals { key: key.as_ref().map(|_| why), session: session.is_some() };
        if key.is_none() && session.is_none() {
            return self.read_back().await;
        }
        let is_open = [&key, &session].contains(&&Some(Probed::Open));
        if is_open || key == Some(Probed::KeyRefused) && !self.is_written() {
            self.read_back().await;
        }
        let refused = |probed: &Option<Probed>| match probed {
            None | Some(Probed::Refused) => true,
            Some(Probed::KeyRefused) => self.inactive == Some(Ok(())),
            Some(Probed::Open | Probed::Unclear(_)) => false,
        };
        // AWS refuses an inactive key regardless of the policies, so IAM must also show that `AWSDenyAll` is attached.
        holds && refused(&key) && refused(&session) && (self.probed.probed() || self.read_back().await)
    }

    fn is_settled(&self, waited: SignedDuration) -> bool {
        // If AWS denies a write, another attempt has the same result.
        self.is_written() || self.may_not_deactivate() && self.denied == Some(Ok(())) || waited >= TIDYING
    }

    fn is_hopeless(&self) -> bool {
        self.other.is_some()
    }

    async fn settle(&mut self, refused: bool, waited: SignedDuration) -> Duration {
        self.report(waited.as_secs());
        if self.sees_other().is_some() {
            return BETWEEN_LOOKS;
        }
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

/// The result of a call if the operator stopped waiting for the answer.
fn stopped() -> Fault {
    Fault::Unknown("the operator stopped waiting for AWS's answer".into())
}

/// Deactivates the sealed key, then reads which other keys are active and deactivates them too. If one key cannot be
/// deactivated, continues with the others. Returns the first failure, and the reason if the list of keys could not be
/// read. If no sealed key is given, a failed read of the list is also a failure of the close.
async fn deactivate(closer: &impl Closer, sealed: Option<&str>) -> (Write, Option<Fault>) {
    let mut result = Ok(());
    if let Some(sealed) = sealed {
        result = closer.switch_key(sealed, false).await;
    }
    let keys = match (closer.read_access_state().await.keys, sealed) {
        (Ok(keys), _) => keys,
        (Err(fault), Some(_)) => return (result, Some(fault)),
        (Err(fault), None) => return (Err(fault), None),
    };
    for key in keys.iter().filter(|key| key.active && Some(key.id.as_str()) != sealed) {
        result = result.and(closer.switch_key(&key.id, false).await);
    }
    (result, None)
}
