//! What is said when a custodian or a quorum does not come together.

use super::custodian::Served;
use super::{Gathering, Part};
use crate::custody::token::TokenError;
use crate::error::{Error, Status};
use crate::secret::Secret;
use crate::terminal::{Stop, listed, note, signals};
use crate::vault::manifest::Custodian;
use crate::vault::quorum::KEY;

impl Gathering<'_> {
    /// Whose fault it is makes the status: too few came, or tokens failed.
    pub(super) fn no_quorum(&self, why: &str) -> Error {
        let (given, threshold) = (self.given(), usize::from(self.vault.manifest.threshold.get()));
        let failed = self.failed.iter().zip(&self.parts).filter(|(f, p)| **f && !matches!(p, Part::Given(_)));
        let status = if given + failed.count() >= threshold { Status::TokenFailed } else { Status::NoQuorum };
        Error::new(
            status,
            format!("no quorum: {given} of the {threshold} custodians needed gave a share ({why}); nothing was enabled"),
        )
        .next(format!("open again with {threshold} of {}", listed(&self.names(), "and")))
    }

    fn names(&self) -> Vec<&str> {
        self.vault.manifest.custodians.iter().map(|c| c.name.as_str()).collect()
    }

    /// Turns an ended wait into the command's end.
    pub(super) fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::Signal(number) => signals::ended(number),
            Stop::Deadline | Stop::Woken => self.no_quorum("the time to wait is over"),
        }
    }

    /// Why a custodian's token gave nothing, and whether it may come again.
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
