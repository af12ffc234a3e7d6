//! Close: deny, deactivate, end, prove. Each step is tried whatever became of the one before.

use std::pin::pin;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fault::Write;
use super::host::{Children, Clock, Patience, Reporter};
use super::iam::{Closer, Emergency, Probed};
use super::join::{join, within};
use super::observed::{Scope, UserState, observe};
use super::progress::Pending;
use super::session::SessionId;
use crate::time_text;

/// Refusals in a row that prove it shut.
const IN_A_ROW: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
const BETWEEN_WATCHES: Duration = Duration::from_secs(3);
/// How long a proof may take.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// AWS may have lost sight of a write that it took: it goes out again.
const AGAIN: SignedDuration = SignedDuration::from_secs(20);
/// Children do not wait longer than this for a slow AWS.
const CHILDREN_WAIT: Duration = Duration::from_secs(2);
/// How much of it goes to a write that fails while access is refused already.
const TIDYING: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What is to be shut.
#[derive(Debug)]
pub struct CloseRequest<'a> {
    /// ARN of `AWSDenyAll`.
    pub deny: &'a str,
    /// The keys to deactivate; `None` for every active key that the user has.
    pub keys: Option<&'a [String]>,
    /// One's own session: if another's window is open by now, that is left alone.
    pub session: Option<SessionId>,
    /// T1, if it is known.
    pub until: Option<Timestamp>,
}

impl CloseRequest<'_> {
    fn scope(&self) -> Scope<'_> {
        Scope { deny: self.deny, keys: self.keys }
    }
}

/// How it ended.
#[derive(Debug, Eq, PartialEq)]
pub enum CloseOutcome {
    /// Proven shut.
    Closed {
        /// By the probe; else by reading back.
        probed: bool,
        /// Access is refused, but this could not be tidied up.
        untidy: Option<String>,
    },
    /// One's own access is over, and another's window is open: it was left alone.
    TakenOver {
        /// Whose.
        session: SessionId,
        /// Their T1.
        until: Timestamp,
    },
    /// Access may still be open.
    Unproven {
        /// What was tried and what it showed.
        why: String,
        /// T1, if it is known.
        until: Option<Timestamp>,
    },
}

/// Shuts the user and proves it. `pending`: a write of open that may still arrive is watched for.
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
    let mut state = Closing { request, denied: None, inactive: None, sent: host.now() };
    end_children_beside(state.write(closer, host), host).await;
    loop {
        let proof = state.prove(closer, emergency, host).await;
        let Some(probed) = proof else {
            return state.unproven();
        };
        if !state.written() {
            return CloseOutcome::Closed { probed, untidy: Some(state.missing()) };
        }
        match watch(closer, request, pending.as_ref(), host).await {
            // What refused until now may have been the state from before.
            Watched::Quiet if pending.take().is_some() => {}
            Watched::Quiet => return CloseOutcome::Closed { probed, untidy: None },
            Watched::GaveUp(Pending { what, doubt, .. }) => {
                let why = format!("{what} {doubt}, and may still take effect");
                return CloseOutcome::Unproven { why, until: request.until };
            }
            Watched::TakenOver { session, until } => return CloseOutcome::TakenOver { session, until },
            Watched::Arrived => {
                host.say("close: a late write arrived, or is seen only now; closing again");
                state.forget();
                state.write(closer, host).await;
            }
        }
    }
}

/// Another's window, open by now; when AWS does not say so within seconds, closing goes on.
async fn taken_over(
    closer: &impl Closer,
    request: &CloseRequest<'_>,
    host: &impl Clock,
) -> Option<(SessionId, Timestamp)> {
    let own = request.session?;
    let access = within(pin!(closer.read_access_state()), host.pause(CHILDREN_WAIT)).await?;
    match observe(&access, &request.scope(), host.now()) {
        UserState::Open { session, until } if session != own => Some((session, until)),
        _ => None,
    }
}

/// The first writes and the end of the children, which does not wait for a slow AWS.
async fn end_children_beside(writes: impl Future<Output = ()>, host: &(impl Clock + Children)) {
    let mut writes = pin!(writes);
    if within(writes.as_mut(), host.pause(CHILDREN_WAIT)).await.is_some() {
        host.end_children().await;
    } else {
        join(writes, host.end_children()).await;
    }
}

struct Closing<'a> {
    request: &'a CloseRequest<'a>,
    /// What became of the last attempt.
    denied: Option<Write>,
    inactive: Option<Write>,
    sent: Timestamp,
}

impl Closing<'_> {
    /// Attaches the deny and deactivates, as far as AWS has not yet taken it.
    async fn write(&mut self, closer: &impl Closer, host: &impl Clock) {
        self.sent = host.now();
        if self.denied != Some(Ok(())) {
            self.denied = Some(closer.attach_deny().await);
        }
        if self.inactive != Some(Ok(())) {
            self.inactive = Some(deactivate(closer, self.request.keys).await);
        }
    }

    /// Looks until it was shut several times in a row; `Some(true)` by the probe, `None` out of patience.
    async fn prove(
        &mut self,
        closer: &impl Closer,
        emergency: &impl Emergency,
        host: &(impl Clock + Patience + Reporter),
    ) -> Option<bool> {
        let since = host.now();
        let mut in_a_row = 0;
        let mut pause = BETWEEN_LOOKS;
        let mut said = 0;
        loop {
            let (shut, probed) = self.look(closer, emergency, host).await;
            in_a_row = if shut { in_a_row + 1 } else { 0 };
            let waited = host.now().duration_since(since);
            let enough = in_a_row >= IN_A_ROW;
            if enough && (self.written() || waited >= TIDYING || host.gave_up()) {
                return Some(probed);
            }
            if waited >= PATIENCE || host.gave_up() {
                return None;
            }
            if waited.as_secs() > said && (said == 0 || waited.as_secs() >= said + 5) {
                said = waited.as_secs();
                host.say(&format!("close: proving that it is shut, {said} s so far"));
            }
            if !shut && host.now().duration_since(self.sent) >= AGAIN {
                self.forget();
            }
            if !self.written() {
                self.write(closer, host).await;
            }
            pause = if self.written() { BETWEEN_LOOKS } else { (pause * 2).min(LONGEST_PAUSE) };
            host.pause(pause).await;
        }
    }

    /// One look: shut or not, and whether a probe said so.
    async fn look(
        &mut self,
        closer: &impl Closer,
        emergency: &impl Emergency,
        host: &impl Clock,
    ) -> (bool, bool) {
        let holds = self.denied == Some(Ok(())) || self.ended_by_aws(host);
        match join(emergency.probe_key(), emergency.probe_session()).await {
            (None, None) => (self.read_back(closer, host).await, false),
            (key, session) => {
                if key == Some(Probed::KeyRefused) && !self.written() {
                    self.read_back(closer, host).await;
                }
                let refused = |probed: Option<Probed>| match probed {
                    None | Some(Probed::Refused) => true,
                    Some(Probed::KeyRefused) => self.inactive == Some(Ok(())),
                    Some(Probed::Open | Probed::Unclear(_)) => false,
                };
                (holds && refused(key) && refused(session), true)
            }
        }
    }

    /// Whoever did it: what is there need not be written. True when all of it is there.
    async fn read_back(&mut self, closer: &impl Closer, host: &impl Clock) -> bool {
        let access = closer.read_access_state().await;
        let shut = observe(&access, &self.request.scope(), host.now()) == UserState::AtRest;
        if shut {
            (self.denied, self.inactive) = (Some(Ok(())), Some(Ok(())));
        }
        shut
    }

    fn written(&self) -> bool {
        self.denied == Some(Ok(())) && self.inactive == Some(Ok(()))
    }

    fn ended_by_aws(&self, host: &impl Clock) -> bool {
        self.request.until.is_some_and(|until| host.now() >= until)
    }

    fn forget(&mut self) {
        (self.denied, self.inactive) = (None, None);
    }

    fn missing(&self) -> String {
        let mut missing = Vec::new();
        if let Some(Err(fault)) = &self.denied {
            missing.push(format!("AWSDenyAll could not be attached ({fault})"));
        }
        if let Some(Err(fault)) = &self.inactive {
            missing.push(format!("the key could not be deactivated ({fault})"));
        }
        missing.join("; ")
    }

    fn unproven(&self) -> CloseOutcome {
        let mut why = self.missing();
        if why.is_empty() {
            why = "AWSDenyAll is attached and the key deactivated, but AWS does not show it yet".into();
        }
        CloseOutcome::Unproven { why, until: self.request.until }
    }
}

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

enum Watched {
    Quiet,
    Arrived,
    /// Meanwhile somebody else has begun to open.
    TakenOver {
        session: SessionId,
        until: Timestamp,
    },
    GaveUp(Pending),
}

/// Keeps looking until a write of open can no longer take effect, or T1.
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
                if request.session.is_some_and(|own| own != session) =>
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
            host.say(&format!("close: {what} {doubt}; watching until {end} UTC that nothing opens late"));
        }
        host.pause(BETWEEN_WATCHES).await;
    }
}
