//! What is said when nobody is enrolled: by then, no file was written.

use super::Enrolling;
use crate::cli::typed::Ended;
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Status};
use crate::signal::Signal;
use crate::terminal::NoAnswer;

impl Enrolling<'_> {
    pub(super) fn not_genuine(&self, why: &str) -> Error {
        let what = format!(
            "{}: YubiKey {} is not attested: {why}; no file was written",
            self.name,
            self.token.serial()
        );
        Error::new(Status::TokenFailed, what)
            .next("use a genuine token, or name the root it was made under with --attestation-root")
    }

    pub(super) fn failed(&self, why: TokenError) -> Error {
        let serial = self.token.serial();
        let (what, next) = match why {
            TokenError::WrongPin { .. } => {
                ("refused the PIN or PUK".to_owned(), "enrol again with the right one")
            }
            TokenError::Blocked => {
                ("has its PIN blocked".to_owned(), "unblock it with its PUK (ykman piv access unblock-pin)")
            }
            TokenError::NotTouched => {
                ("was not touched in time".to_owned(), "enrol again and touch it when it blinks")
            }
            TokenError::Gone => {
                ("was pulled out or stopped answering".to_owned(), "plug it in and enrol again")
            }
            TokenError::Busy => (
                "is held by another program".to_owned(),
                "end that program (gpg-agent's scdaemon is a usual one)",
            ),
            TokenError::Failed(why) => (format!("failed: {why}"), "plug it in again, or use another token"),
        };
        Error::new(
            Status::TokenFailed,
            format!("{}: YubiKey {serial} {what}; no file was written", self.name),
        )
        .next(next)
    }
}

/// The input ended, or a signal came.
pub(super) fn end(ended_by: Ended) -> Error {
    match ended_by {
        Ended::Stop(NoAnswer::Signal(signal)) => ended(signal),
        Ended::Stop(_) | Ended::Input => Error::usage("the input ended; no file was written"),
    }
}

pub(super) fn ended(signal: Signal) -> Error {
    Error::interrupted(signal, "no file was written")
}
