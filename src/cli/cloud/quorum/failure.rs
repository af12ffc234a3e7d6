//! The errors of a quorum that failed.

use super::{CustodianOutcome, Gathering};
use crate::cli::token_dialog::TokenFailure;
use crate::cli::typed::Ended;
use crate::custody::token::TokenError;
use crate::error::{Error, Result, Status};
use crate::secret::{Secret, unencrypted_swap};
use crate::signal::Signal;
use crate::terminal::{NoAnswer, Reply, Terminal, listed, note};
use crate::vault::quorum::KEY;

/// The purpose of the quorum.
#[derive(Clone, Copy)]
pub enum Purpose {
    Open,
    Close,
}

impl Purpose {
    /// Returns the state after a quorum failed.
    fn outcome(self) -> &'static str {
        match self {
            Self::Open => "nothing was enabled",
            Self::Close => "nothing was closed, and access may still be open",
        }
    }

    fn next(self, threshold: u8, names: &str) -> String {
        match self {
            Self::Open => format!("open again with {threshold} of {names}"),
            Self::Close => format!(
                "close again with {threshold} of {names}, or with your AWS credentials: close VAULT --profile NAME"
            ),
        }
    }

    pub fn interrupted(self, signal: Signal) -> Error {
        Error::interrupted(signal, self.outcome())
    }
}

/// Asks for an explicit yes if secrets could be swapped to disk in the clear.
pub fn allow_swap(terminal: &mut Terminal, purpose: Purpose) -> Result<()> {
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
        Err(NoAnswer::Signal(signal)) => Err(purpose.interrupted(signal)),
        _ => Err(Error::failed("swap is on and not encrypted")
            .and(purpose.outcome())
            .next("switch it off (swapoff -a) and try again")),
    }
}

impl Gathering<'_> {
    pub(super) fn no_quorum(&self, why: &str) -> Error {
        self.no_quorum_with(0, why)
    }

    /// Returns the error if `more` custodians could still have given shares. The status is `TokenFailed` if the quorum
    /// failed only because of YubiKeys and PINs.
    pub(super) fn no_quorum_with(&self, more: usize, why: &str) -> Error {
        let (given, threshold) = (self.given(), self.threshold());
        let failed = self.seats.iter().filter(|seat| seat.failed && !seat.has_given()).count();
        let status =
            if given + failed + more >= threshold.into() { Status::TokenFailed } else { Status::NoQuorum };
        let what = format!("no quorum: {why}, {given} of {threshold} required custodians gave a share");
        let names: Vec<_> = self.seats.iter().map(|seat| seat.custodian.name.as_str()).collect();
        Error::new(status, what)
            .and(self.purpose.outcome())
            .next(self.purpose.next(threshold, &listed(&names, "and")))
    }

    pub(super) fn ended(&self, ended: Ended) -> Error {
        match ended {
            Ended::Input => self.no_quorum("the input ended"),
            Ended::Stop(stop) => self.stopped(stop),
        }
    }

    pub(super) fn stopped(&self, stop: NoAnswer) -> Error {
        match stop {
            NoAnswer::Signal(signal) => self.purpose.interrupted(signal),
            NoAnswer::Deadline | NoAnswer::Woken => self.no_quorum("timed out"),
        }
    }

    pub(super) fn token_failed(
        &mut self,
        place: usize,
        serial: u32,
        why: TokenError,
        half: Option<Secret<KEY>>,
    ) -> CustodianOutcome {
        let TokenFailure { what, next, may_return } = TokenFailure::of(serial, why);
        if may_return {
            self.fail(place, &what, next);
            CustodianOutcome::Again(half)
        } else {
            self.fail(place, &what, &format!("{next}, or go on with another custodian"));
            CustodianOutcome::Aside
        }
    }

    pub(super) fn fail(&mut self, place: usize, what: &str, next: &str) {
        let seat = &mut self.seats[place];
        seat.failed = true;
        note(&format!("{}: {what}\n  next: {next}", seat.custodian.name));
    }
}
