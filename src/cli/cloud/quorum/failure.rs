//! How a gathering ends without a quorum, and what each failing token is said to be.

use super::{Gathering, Part, Served};
use crate::custody::token::TokenError;
use crate::error::{Error, Result, Status};
use crate::secret::{Secret, unencrypted_swap};
use crate::signal::Signal;
use crate::terminal::{NoAnswer, Reply, Terminal, listed, note};
use crate::vault::manifest::Custodian;
use crate::vault::quorum::KEY;

/// What the quorum is for.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// To open a window.
    Open,
    /// To close one.
    Close,
}

impl Purpose {
    /// What is the case when there is no quorum.
    fn left(self) -> &'static str {
        match self {
            Self::Open => "nothing was enabled",
            Self::Close => "nothing was closed, and access may still be open",
        }
    }

    fn again(self, threshold: usize, names: &str) -> String {
        match self {
            Self::Open => format!("open again with {threshold} of {names}"),
            Self::Close => format!(
                "close again with {threshold} of {names}, or with AWS credentials of your own: close VAULT --profile NAME"
            ),
        }
    }

    /// The error of a gathering that a signal ended.
    pub(super) fn ended(self, signal: Signal) -> Error {
        Error::interrupted(signal, self.left())
    }
}

/// Swap in the clear would break the promise that secrets stay in memory: an explicit yes, or an end.
pub(super) fn allow_swap(terminal: &mut Terminal, purpose: Purpose) -> Result<()> {
    let areas = unencrypted_swap();
    if areas.is_empty() {
        return Ok(());
    }
    let prompt = format!(
        "this machine swaps to {} without encryption: copies of secrets inside libraries could reach the disk; \
         type yes to go on: ",
        areas.join(", ")
    );
    match terminal.ask_openly(&prompt) {
        Ok(Reply::Line(line)) if line.expose().trim() == "yes" => Ok(()),
        Err(NoAnswer::Signal(signal)) => Err(purpose.ended(signal)),
        _ => Err(Error::failed(format!("swap is on and not encrypted; {}", purpose.left()))
            .next("switch it off (swapoff -a) and try again")),
    }
}

impl Gathering<'_> {
    pub(super) fn no_quorum(&self, why: &str) -> Error {
        self.no_quorum_with(0, why)
    }

    /// The same, where nobody keeps `more` custodians from coming but that it is in vain.
    pub(super) fn no_quorum_with(&self, more: usize, why: &str) -> Error {
        let (given, threshold) = (self.given(), usize::from(self.vault.manifest.threshold.get()));
        let failed = self.failed.iter().zip(&self.parts).filter(|(f, p)| **f && !matches!(p, Part::Given(_)));
        let status =
            if given + failed.count() + more >= threshold { Status::TokenFailed } else { Status::NoQuorum };
        Error::new(
            status,
            format!(
                "no quorum: {given} of the {threshold} custodians needed gave a share ({why}); {}",
                self.purpose.left()
            ),
        )
        .next(self.purpose.again(threshold, &listed(&self.names(), "and")))
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.vault.manifest.custodians.iter().map(|c| c.name.as_str()).collect()
    }

    /// Turns an ended wait into the command's end.
    pub(super) fn stopped(&self, stop: NoAnswer) -> Error {
        match stop {
            NoAnswer::Signal(signal) => self.purpose.ended(signal),
            NoAnswer::Deadline | NoAnswer::Woken => self.no_quorum("the time to wait is over"),
        }
    }

    pub(super) fn token_failed(
        &mut self,
        custodian: &Custodian,
        serial: u32,
        why: TokenError,
        half: Option<Secret<KEY>>,
    ) -> Served {
        let (what, next, again) = match why {
            TokenError::Gone => ("was pulled out or stopped answering".to_owned(), "plug it in again", true),
            TokenError::Busy => (
                "is held by another program".to_owned(),
                "end that program (gpg-agent's scdaemon is a usual one), then plug it in again",
                true,
            ),
            TokenError::Blocked => (
                "has its PIN blocked".to_owned(),
                "unblock it with its PUK (ykman piv access unblock-pin), or go on with another custodian",
                false,
            ),
            TokenError::NotTouched => (
                "was not touched in time".to_owned(),
                "open again and touch it when it blinks, or go on with another custodian",
                false,
            ),
            TokenError::WrongPin { .. } => {
                ("refused the PIN".to_owned(), "go on with another custodian", false)
            }
            TokenError::Failed(why) => (
                format!("failed: {why}"),
                "plug it in again in a later try, or go on with another custodian",
                false,
            ),
        };
        self.fail(custodian, &format!("YubiKey {serial} {what}"), next);
        if again { Served::Again(half) } else { Served::Aside }
    }

    pub(super) fn fail(&mut self, custodian: &Custodian, what: &str, next: &str) {
        self.failed[usize::from(custodian.index) - 1] = true;
        note(&format!("{}: {what}\n  next: {next}", custodian.name));
    }
}
