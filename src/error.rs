//! One error: what happened and to whom, what to do next, and the exit status that says so.

use std::fmt;

use jiff::Timestamp;

/// How a command ends, as its exit status tells a script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// 1: it failed for a reason that has no status of its own.
    Failed,
    /// 2: the command line or the input was wrong.
    Usage,
    /// 3: too few custodians gave their share.
    NoQuorum,
    /// 4: too few custodians, and only because a token or a PIN failed.
    TokenFailed,
    /// 5: AWS refused, or the IAM user has drifted; nothing is enabled.
    Refused,
    /// 6: the vault or the ledger is damaged.
    Damaged,
    /// 10: access may still be open.
    MayBeOpen,
    /// 128 + n: ended by signal n, after access was closed.
    Signal(u8),
}

impl Status {
    /// The process's exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoQuorum => 3,
            Self::TokenFailed => 4,
            Self::Refused => 5,
            Self::Damaged => 6,
            Self::MayBeOpen => 10,
            Self::Signal(number) => 128 + number,
        }
    }
}

/// What happened, what to do next, and how the process ends.
#[derive(Clone, Debug)]
pub struct Error {
    /// The exit status.
    pub status: Status,
    /// What happened and to whom; lower case, no full stop.
    pub what: String,
    /// The next step for the reader, if there is one.
    pub next: Option<String>,
    /// Until when access may be open, where it may be and that is known.
    pub until: Option<Timestamp>,
}

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says what happened.
    pub fn new(status: Status, what: impl Into<String>) -> Self {
        Self { status, what: what.into(), next: None, until: None }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    /// A failure without a status of its own.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Status::Failed, what)
    }

    /// A wrong command line or input.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Status::Usage, what)
    }

    /// A damaged vault or ledger.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::new(Status::Damaged, what)
    }

    /// The next step for whoever has a damaged vault, unless there is a better one already.
    #[must_use]
    pub fn or_another_copy(mut self) -> Self {
        if self.status == Status::Damaged {
            self.next.get_or_insert_with(|| {
                "fetch another copy of the vault and compare its SHA-256 with the ceremony's record".into()
            });
        }
        self
    }

    /// AWS refused, or something there is not as it was sealed.
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Status::Refused, what)
    }
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

impl std::error::Error for Error {}
