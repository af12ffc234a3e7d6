//! The error type of the whole program. An error has a message, a next step and an exit status.

use std::error::Error as Source;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::signal::Signal;

/// The exit status of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// 1: a failure that no other status describes.
    Failed,
    /// 2: the command line or the input was wrong.
    Usage,
    /// 3: there is no quorum, because too few custodians gave their share.
    NoQuorum,
    /// 4: there is no quorum, and the only reason is that a token or a PIN failed. The status is also 4 if no
    /// custodian signed the evidence of a drill or a review.
    TokenFailed,
    /// 5: AWS refused a call, or the IAM user in AWS differs from the sealed description. Access is not enabled.
    Refused,
    /// 6: the vault or the ledger is damaged.
    Damaged,
    /// 10: access may still be open.
    MayBeOpen,
    /// n: the exit status of the operator's command. Only `open --pass-status` exits with this status, and never with
    /// 10.
    Command(u8),
    /// 128 + n: signal n ended the command. Access is closed, or was never enabled.
    Signal(Signal),
}

impl Status {
    /// Returns the exit status as a number.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoQuorum => 3,
            Self::TokenFailed => 4,
            Self::Refused => 5,
            Self::Damaged => 6,
            Self::MayBeOpen => 10,
            Self::Command(code) => code,
            Self::Signal(signal) => 128 + signal.number(),
        }
    }
}

/// An error with a message, a next step and an exit status.
#[derive(Clone, Debug)]
pub struct Error {
    pub status: Status,
    /// The message. The message states what happened, and to whom or to what. The message is in lower case and has no
    /// full stop at the end.
    pub what: String,
    /// The next step for the reader, if there is one.
    pub next: Option<String>,
    /// The end of the window (T1), if access might still be open and the end is known.
    pub until: Option<Timestamp>,
    /// Whether the message and the next step are already on the screen.
    pub is_shown: bool,
    /// The error of a library or of the system that caused this error. This field is an `Arc`, because [`Error`]
    /// implements `Clone`.
    source: Option<Arc<dyn Source + Send + Sync>>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(status: Status, what: impl fmt::Display) -> Self {
        Self { status, what: what.to_string(), next: None, until: None, is_shown: false, source: None }
    }

    /// Returns an error with exit status 1, for a failure that no other status describes.
    pub fn failed(what: impl fmt::Display) -> Self {
        Self::new(Status::Failed, what)
    }

    /// Returns an error with exit status 2, for a wrong command line or input.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::new(Status::Usage, what)
    }

    /// Returns an error with exit status 6, for a damaged vault or ledger.
    pub fn damaged(what: impl fmt::Display) -> Self {
        Self::new(Status::Damaged, what)
    }

    /// Returns an error with exit status 5: AWS refused a call, or the IAM user in AWS differs from the sealed
    /// description.
    pub fn refused(what: impl fmt::Display) -> Self {
        Self::new(Status::Refused, what)
    }

    /// Returns the error for a command that `signal` ended. `outcome` describes the state after the command, such as
    /// `nothing was sealed`.
    pub fn interrupted(signal: Signal, outcome: &str) -> Self {
        Self::new(Status::Signal(signal), interrupted(signal)).and(outcome)
    }

    /// Sets the text that tells the reader what to do next.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    /// Sets the end of the window (T1), until which access might be open.
    #[must_use]
    pub fn until(mut self, until: Option<Timestamp>) -> Self {
        self.until = until;
        self
    }

    /// Marks the message and the next step as already shown, so that they are not printed twice.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.is_shown = true;
        self
    }

    /// Puts `prefix` before the message, as in `vault.age: the header is damaged`.
    #[must_use]
    pub fn context(mut self, prefix: impl fmt::Display) -> Self {
        self.what = format!("{prefix}: {}", self.what);
        self
    }

    /// Appends a consequence to the message, as in `…; nothing was enabled`.
    #[must_use]
    pub fn and(mut self, consequence: &str) -> Self {
        self.what = format!("{}; {consequence}", self.what);
        self
    }

    /// Sets the error that caused this error. The program does not print the cause. If a user needs the text of the
    /// cause, the message must contain that text.
    #[must_use]
    pub fn caused_by(mut self, source: impl Source + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// If the error is about a damaged vault and has no next step, sets a next step: fetch another copy of the vault.
    #[must_use]
    pub fn or_another_copy(mut self) -> Self {
        if self.status == Status::Damaged {
            self.next.get_or_insert_with(|| {
                "fetch another copy of the vault, and compare its SHA-256 with the SHA-256 that was noted at sealing".into()
            });
        }
        self
    }
}

/// Returns the text for a command or session that a signal ended, such as `interrupted (SIGTERM)`.
pub fn interrupted(signal: Signal) -> String {
    format!("interrupted ({signal})")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.next {
            Some(step) => write!(f, "\n  next: {step}"),
            None => Ok(()),
        }
    }
}

impl Source for Error {
    fn source(&self) -> Option<&(dyn Source + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_is_prefixed_and_consequences_are_appended() {
        let error = Error::damaged("the header is cut off").context("prod.age").and("nothing was enabled");
        assert_eq!(error.what, "prod.age: the header is cut off; nothing was enabled");
        assert_eq!(error.status, Status::Damaged);
    }

    #[test]
    fn the_cause_of_an_error_is_kept_but_not_shown() {
        let file = std::io::Error::other("no space left on device");
        let error = Error::failed("the ledger cannot be written").caused_by(file);
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("no space left on device"));
        assert_eq!(error.to_string(), "the ledger cannot be written");
    }

    #[test]
    fn a_signal_is_named_and_gives_the_exit_status_of_a_shell() {
        let error = Error::interrupted(Signal::Term, "nothing was sealed");
        assert_eq!(error.what, "interrupted (SIGTERM); nothing was sealed");
        assert_eq!(error.status.code(), 143);
    }
}
