//! The closing sequence: attach the deny, end the child processes, probe with the active key until a policy refuses
//! the key, deactivate all keys, prove that access is closed, and watch for writes of the opening that take effect
//! late. If a step fails, the later steps still run.

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

/// The longest time for which the first calls to AWS can delay the end of the child processes.
const CHILDREN_WAIT: Duration = Duration::from_secs(2);

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
            // The pending write might have taken effect after the refusals so far, so the proof starts again.
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

/// Ends the child processes after the first writes. If the writes take longer than [`CHILDREN_WAIT`], ends the child
/// processes while the writes continue.
async fn end_children_beside(writes: impl Future<Output = ()>, host: &(impl Clock + Children)) {
    let mut writes = pin!(writes);
    if within(writes.as_mut(), host.pause(CHILDREN_WAIT)).await.is_some() {
        host.end_children().await;
    } else {
        join(writes, host.end_children()).await;
    }
}
