//! The errors that are reported if the quorum is not reached.

use super::{Asked, CustodianOutcome, Gathering};
use crate::cli::token_dialog::TokenFailure;
use crate::cli::typed::Ended;
use crate::custody::token::TokenError;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::terminal::{NoAnswer, listed, note};
use crate::vault::quorum::KEY;

impl Gathering<'_> {
    pub(super) fn no_quorum(&self, why: &str) -> Error {
        self.no_quorum_with(0, why)
    }

    /// Returns the error for a quorum that was not reached. `more` is the number of custodians who could still give a
    /// share at the moment when the program gives up. The status is `TokenFailed` if only failures of YubiKeys or
    /// PINs prevented the quorum.
    pub(super) fn no_quorum_with(&self, more: usize, why: &str) -> Error {
        let (given, threshold) = (self.given(), self.threshold());
        let failed = self.seats.iter().filter(|seat| seat.failed && !seat.has_given()).count();
        let status =
            if given + failed + more >= threshold.into() { Status::TokenFailed } else { Status::NoQuorum };
        let what = format!("no quorum: {why}, {given} of {threshold} required custodians gave a share");
        let names: Vec<_> = self.seats.iter().map(|seat| seat.custodian.name.as_str()).collect();
        let names = listed(&names, "and");
        let next = match self.asked.asked {
            Asked::Open { .. } => format!("open again with {threshold} of {names}"),
            Asked::Close(request) => format!(
                "close again with {threshold} of {names}, or with your AWS credentials: {}",
                request.command_with_profile(self.asked.path)
            ),
        };
        Error::new(status, what).and(self.purpose.outcome()).next(next)
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
