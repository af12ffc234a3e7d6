//! Formats the status of targets as text.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::error::{Error, Status};
use crate::ledger::{ClockSource, RecordedEnd, StatusSource, TargetState, TargetStatus};
use crate::time_text;
use crate::vault::manifest::Lane;

/// Returns one line for each target.
pub fn text(standings: &[TargetStatus], iam_was_asked: bool) -> String {
    if standings.is_empty() {
        return "no session recorded on this machine; IAM was not asked\n".into();
    }
    let mut text = String::new();
    for standing in standings {
        let TargetStatus { target, lane, .. } = standing;
        let source = match (standing.source, lane) {
            (StatusSource::Iam, _) => "from IAM",
            (StatusSource::Ledger, Lane::Static) => {
                "from the ledgers; IAM does not show the sessions of a role"
            }
            (StatusSource::Ledger, Lane::Gate) if iam_was_asked => {
                "from the ledgers; IAM does not show the state"
            }
            (StatusSource::Ledger, Lane::Gate) => "from the ledgers; IAM was not asked",
        };
        let _ = writeln!(
            text,
            "{}: user {} in account {}: {} ({source})",
            target.name,
            target.user,
            target.account,
            state(standing)
        );
    }
    text
}

fn state(standing: &TargetStatus) -> String {
    let until = standing.until.map(time_text::local);
    let session = session(standing);
    match (standing.state, until) {
        (TargetState::Closed, _) => "closed".to_owned(),
        (TargetState::Open, None) => "MAY BE OPEN, and its end is not known".to_owned(),
        (TargetState::Open, Some(until)) => format!("MAY BE OPEN until {until}, {session}"),
        (TargetState::Unproven, until) => {
            let until = until.unwrap_or_default();
            let clock = match standing.clock {
                ClockSource::Aws => "",
                ClockSource::Local => " by this machine's clock, which can be wrong",
            };
            format!("NOT PROVEN CLOSED; the window's end, {until}, has passed{clock}, {session}")
        }
        (TargetState::Unknown, _) => format!("UNKNOWN; {}", ended(standing)),
        (TargetState::NotAtRest, _) => {
            "NOT AT REST: AWSDenyAll is missing or a key is active; the user has no gate that ends in the future"
                .to_owned()
        }
    }
}

/// Describes how the last session in the ledgers ended.
fn ended(standing: &TargetStatus) -> String {
    let session = session(standing);
    let at = |at: Timestamp| format!("{} {}", time_text::date(at), time_text::local(at));
    match standing.recorded {
        None => "no session of this user is recorded here".to_owned(),
        Some(RecordedEnd::NothingOpened) => {
            format!("the last session recorded here, {session}, opened nothing")
        }
        Some(RecordedEnd::Closed { at: closed }) => {
            let closed = closed.map_or_else(String::new, |closed| format!(" {}", at(closed)));
            format!("the last session recorded here, {session}, was recorded as closed{closed}")
        }
        Some(RecordedEnd::Expired { at: expired }) => {
            format!("the last session recorded here, {session}, expired {}, by AWS's clock", at(expired))
        }
    }
}

fn session(standing: &TargetStatus) -> String {
    let machine = if standing.this_machine { "this machine" } else { "another machine" };
    standing.session.map_or_else(String::new, |session| format!("session {session} of {machine}"))
}

/// Returns the error for a target that is not closed.
pub fn error(standing: &TargetStatus) -> Error {
    let TargetStatus { target, state, .. } = standing;
    let (user, account) = (&target.user, &target.account);
    let what = match state {
        TargetState::Closed | TargetState::Open | TargetState::Unproven => {
            format!("access may be open on user {user}")
        }
        TargetState::NotAtRest => format!("user {user} is not at rest"),
        TargetState::Unknown => {
            format!("whether access is open on user {user} in account {account} is not known")
        }
    };
    let status = state.failure().unwrap_or(Status::Failed);
    let until = standing.until.filter(|_| status == Status::MayBeOpen);
    let error = Error::new(status, what).until(until);
    match &standing.next {
        Some(next) => error.next(next),
        None => error,
    }
}
