//! The closing sequence attaches `AWSDenyAll`, ends the child processes and probes until a policy refuses the active
//! key. Then the closing sequence deactivates all keys and proves that access is closed. Last, the closing sequence
//! watches for writes of the opening that take effect late. If a step fails, the later steps still run.

mod closing;
mod refusals;
mod request;
mod watch;

use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;

use super::host::{Children, Clock, Patience, Reporter};
use super::iam::{Closer, Emergency};
use super::join::{join, within};
use super::observed::{UserState, observe};
use super::progress::Pending;
use super::proof::prove;
use super::session::SessionId;
use closing::Closing;
pub use refusals::{KeyRefusal, Refusals};
pub use request::{CloseOutcome, CloseRequest};
use watch::{Watched, watch};

/// How long the close waits for the first calls to AWS before the close ends the child processes.
const CHILDREN_WAIT: Duration = Duration::from_secs(2);

/// Closes access and proves that access is closed. `pending` is a write of the opening whose result is unknown. After
/// the proof, the close checks whether the pending write takes effect late.
pub async fn close(
    closer: &impl Closer,
    emergency: &impl Emergency,
    request: &CloseRequest<'_>,
    mut pending: Option<Pending>,
    host: &(impl Clock + Patience + Reporter + Children),
) -> CloseOutcome {
    if let Some((session, until)) = taken_over(closer, request, host).await {
        host.end_children().await;
        return CloseOutcome::TakenOver { session, until, was_closed: false };
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
            // The pending write might have taken effect after the last refusal, so the proof starts again.
            Watched::Quiet if pending.take().is_some() => closing.by_policy = false,
            Watched::Quiet => {
                let untidy = (!closing.is_complete()).then(|| closing.failed_writes());
                return CloseOutcome::Closed { refusals, untidy };
            }
            Watched::GaveUp(Pending { what, doubt, .. }) => {
                let why = format!("{what} {doubt}, and may still take effect");
                return CloseOutcome::Unproven { why, until: request.until };
            }
            Watched::TakenOver { session, until } => {
                return CloseOutcome::TakenOver { session, until, was_closed: true };
            }
            Watched::Arrived => {
                host.say("close: a late write arrived, or became visible only now; closing again");
                closing.forget_writes();
                closing.first_writes().await;
            }
        }
    }
}

/// Returns the session and T1 of another session's open window. Returns `None` if no other session has an open window,
/// or if IAM does not answer within [`CHILDREN_WAIT`].
async fn taken_over(
    closer: &impl Closer,
    request: &CloseRequest<'_>,
    host: &impl Clock,
) -> Option<(SessionId, Timestamp)> {
    request.session?;
    let access = within(pin!(closer.read_access_state()), host.pause(CHILDREN_WAIT)).await?;
    match observe(&access, &request.scope(), host.now()) {
        UserState::Open { session, until } if request.is_other(session) => Some((session, until)),
        _ => None,
    }
}

/// Ends the child processes after the first IAM writes, or after [`CHILDREN_WAIT`] if the writes take longer.
async fn end_children_beside(writes: impl Future<Output = ()>, host: &(impl Clock + Children)) {
    let mut writes = pin!(writes);
    if within(writes.as_mut(), host.pause(CHILDREN_WAIT)).await.is_some() {
        host.end_children().await;
    } else {
        join(writes, host.end_children()).await;
    }
}
