//! The reasons for which an opening ends without an open window.

use jiff::Timestamp;

use super::plan::OpenPlan;
use crate::error::{Error, Status};
use crate::gate::fault::Fault;
use crate::gate::observed::{Drift, Expected};
use crate::gate::session::SessionId;
use crate::gate::snapshot::Unread;
use crate::time_text;

/// The reason why an opening ended without an open window.
#[derive(Debug)]
pub enum Stop {
    /// The operator or a signal asked the opening to stop, or T1 passed.
    Interrupted,
    /// A step failed.
    Failed(Error),
    /// A step failed because IAM gave no answer or did not carry out a write.
    ControlPlane(Error),
    /// Another machine opened a window while this opening wrote its gate. The window of the other machine stays open
    /// until T1 of this opening's gate. This opening must not close the other machine's window.
    OtherWindow(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) fn unreadable(expected: &Expected, unread: Vec<Unread>) -> Stop {
    let drift: Vec<Drift> = unread.into_iter().map(Drift::Unread).collect();
    drifted(expected, &drift)
}

pub(super) fn drifted(expected: &Expected, drift: &[Drift]) -> Stop {
    if let Some(first) = drift.first().filter(|_| drift.iter().all(Drift::is_silence)) {
        return Stop::ControlPlane(no_answer(&format!("user {}: {first}", expected.user)));
    }
    let list: Vec<String> = drift.iter().map(ToString::to_string).collect();
    let list = list.join("; ");
    let next = if drift.iter().all(|one| matches!(one, Drift::ExtraKey(_))) {
        "ask an AWS administrator to delete that key, or open with --extra-key \"reason\", which the custodians sign"
    } else {
        "ask an AWS administrator to correct it, then open again"
    };
    Error::refused(format!("user {} is not as it was sealed: {list}", expected.user)).next(next).into()
}

pub(super) fn no_answer(what: &str) -> Error {
    refused(format!("IAM's control plane does not answer: {what}"))
        .next("look at the AWS Health Dashboard for IAM, then open again")
}

/// Returns the error for a write that IAM did not carry out.
pub(super) fn not_done(step: &str, fault: &Fault) -> Stop {
    Stop::ControlPlane(match fault {
        Fault::Refused(_) => failed(step, fault),
        _ => no_answer(&format!("{step} failed: {fault}")),
    })
}

/// Returns the stop for a user who has an open window of another session.
pub(super) fn already_open(plan: &OpenPlan<'_>, session: SessionId, until: Timestamp) -> Stop {
    Error::refused(format!(
        "a window is already open on user {}: session {session}, until {}",
        plan.expected.user,
        time_text::utc(until)
    ))
    .next(format!("wait until the window ends, or close now: {}", plan.close))
    .into()
}

/// Returns the stop for the case that another machine detached `AWSDenyAll` before this opening did. This opening's
/// gate ends at `until`.
pub(super) fn other_window(plan: &OpenPlan<'_>, until: Timestamp) -> Stop {
    let (user, end) = (&plan.expected.user, time_text::utc(until));
    Stop::OtherWindow(
        Error::new(
            Status::MayBeOpen,
            format!(
                "another machine opened a window on user {user} at the same time; this opening wrote its gate over the \
                 gate of that window, so that window now ends at {end}; it was left alone"
            ),
        )
        .next(format!("agree with the other operator who continues; to close that window: {}", plan.close))
        .until(Some(until)),
    )
}

/// Returns the error for credentials of the account `theirs` if the vault's target is in the account `sealed`.
pub fn other_account(theirs: &str, sealed: &str) -> Error {
    Error::refused(format!(
        "the credentials belong to account {theirs}, but the vault's target is in account {sealed}"
    ))
    .next("use the vault and the credentials of one account")
}

pub(super) fn failed(step: &str, fault: &Fault) -> Error {
    refused(format!("{step} failed: {fault}"))
}

pub(super) fn refused(what: String) -> Error {
    Error::refused(what)
}
