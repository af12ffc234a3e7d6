//! The dialogue with one custodian: asks for the words, the PIN and the touches of the YubiKey.

use jiff::Timestamp;

use super::record::{self, Asked, QuorumRequest};
use super::release::CloseRequest;
use super::{CustodianOutcome, Gathering, Seat};
use crate::cli::token_dialog::{AttemptError, DialogError, TokenDialog, TokenFailure};
use crate::cli::typed;
use crate::custody::opening::{self, PartOwner};
use crate::custody::statement::approval::Request;
use crate::custody::statement::request;
use crate::custody::token::{Token, TokenError};
use crate::error::Result;
use crate::secret::{Secret, SecretText};
use crate::terminal::{note, signals};
use crate::token::piv::PivToken;
use crate::vault::manifest;
use crate::vault::quorum::{KEY, Share};

impl Gathering<'_> {
    /// Asks the custodian at the position `place` for the words, the PIN and the touches. `half` is the half of the
    /// share that the words unwrap, or `None` if the custodian has not typed the words yet.
    pub(super) fn ask(
        &mut self,
        place: usize,
        enrolled: &manifest::EnrolledToken,
        token: &mut PivToken,
        half: Option<Secret<KEY>>,
    ) -> Result<CustodianOutcome> {
        match opening::enrolled(token, enrolled) {
            Ok(Some(_)) => {}
            Ok(None) => {
                self.fail(
                    place,
                    &format!("YubiKey {} no longer holds the key that was enrolled", enrolled.serial),
                    "use the YubiKey that was enrolled, or go on with another custodian",
                );
                return Ok(CustodianOutcome::Aside);
            }
            Err(why) => return Ok(self.token_failed(place, enrolled.serial, why, half)),
        }
        let half = match half {
            Some(half) => half,
            None => match self.words(place)? {
                Some(half) => half,
                None => return Ok(CustodianOutcome::Aside),
            },
        };
        self.unlock(place, enrolled, token, half)
    }

    /// Asks for the words and returns the half of the share that the words unwrap. Returns `None` if the custodian
    /// types an empty line to skip.
    fn words(&mut self, place: usize) -> Result<Option<Secret<KEY>>> {
        let custodian = self.seats[place].custodian;
        let name = &custodian.name;
        loop {
            let part = match typed::part(&mut self.terminal, name, Some(self.until)) {
                Ok(Some(part)) => part,
                Ok(None) => {
                    note(&format!("{name}: skipped"));
                    return Ok(None);
                }
                Err(ended) => return Err(self.ended(ended)),
            };
            match opening::recognise(self.asked.vault, custodian, &part)? {
                PartOwner::Expected(half) => return Ok(Some(half)),
                PartOwner::Other(other) => note(&format!(
                    "{name}: these are the words of {}\n  next: type the words of {name}, or an empty line to skip",
                    other.name
                )),
                PartOwner::Unknown => note(&format!(
                    "{name}: these words are not enrolled in this vault\n  next: use the sheet of this vault's \
                     enrolment, or type an empty line to skip"
                )),
            }
        }
    }

    /// Asks for the PIN and the touches, and unwraps the share.
    fn unlock(
        &mut self,
        place: usize,
        enrolled: &manifest::EnrolledToken,
        token: &mut PivToken,
        half: Secret<KEY>,
    ) -> Result<CustodianOutcome> {
        let Self { asked, terminal, seats, until, .. } = self;
        let seat = &mut seats[place];
        let (name, serial) = (&seat.custodian.name, enrolled.serial);
        let mut dialog = TokenDialog { terminal, name, serial, until: Some(*until) };
        let share = dialog
            .run(token, |dialog, token, pin| seat.attempt(asked, enrolled, dialog, (token, pin), &half));
        match share {
            Ok(share) => Ok(CustodianOutcome::Share(share)),
            Err(DialogError::Skipped { tries_left }) => {
                self.seats[place].failed = tries_left == 1;
                note(&format!("{name}: skipped"));
                Ok(CustodianOutcome::Aside)
            }
            Err(DialogError::Token(why)) => Ok(self.token_failed(place, serial, why, Some(half))),
            Err(DialogError::Ended(ended)) => Err(self.ended(ended)),
            Err(DialogError::Fatal(error)) => Err(error),
        }
    }
}

impl Seat<'_> {
    /// Has the YubiKey sign the approval of an opening or the request to close, if the custodian has not signed yet.
    /// Then unwraps the share.
    fn attempt(
        &mut self,
        asked: &QuorumRequest<'_>,
        enrolled: &manifest::EnrolledToken,
        dialog: &mut TokenDialog<'_>,
        (token, pin): (&mut dyn Token, &SecretText),
        half: &Secret<KEY>,
    ) -> Result<Share, AttemptError> {
        if self.approval.is_none() && !self.cannot_sign {
            match asked.asked {
                Asked::Open { request, .. } => {
                    self.approve(asked, request, enrolled, dialog, (&mut *token, pin))?;
                }
                Asked::Close(request) => {
                    self.sign_close(asked, request, enrolled, dialog, (&mut *token, pin))?;
                }
            }
            if signals::pending().is_some() {
                // The kind of this error does not matter, because the caller finds the pending signal and ends the
                // dialogue.
                return Err(TokenError::NotTouched.into());
            }
        }
        let mut touch = || dialog.ask_touch("give the share");
        Ok(opening::open(asked.vault, self.custodian, enrolled, token, pin, half, &mut touch)?)
    }

    /// Signs and records the approval of an opening.
    fn approve(
        &mut self,
        asked: &QuorumRequest<'_>,
        request: &Request,
        enrolled: &manifest::EnrolledToken,
        dialog: &mut TokenDialog<'_>,
        (token, pin): (&mut dyn Token, &SecretText),
    ) -> Result<(), AttemptError> {
        let (at, head) = (Timestamp::now(), asked.ledger.head()?.into());
        let purpose = format!("approve {}", record::short(request));
        let owner = (self.custodian, enrolled);
        let mut touch = || dialog.ask_touch(&purpose);
        let signed = request::sign(asked.vault, request, owner, (at, head), token, pin, &mut touch);
        dialog.terminal.erase();
        let envelope = signed?;
        asked.record_approval(request, self.custodian, &envelope)?;
        self.approval = Some(envelope);
        Ok(())
    }

    /// Has the YubiKey sign the request to close. If the YubiKey cannot sign, prints a note and continues without a
    /// signature. Fails only after an error that would also prevent the YubiKey from giving the share.
    fn sign_close(
        &mut self,
        asked: &QuorumRequest<'_>,
        request: &CloseRequest,
        enrolled: &manifest::EnrolledToken,
        dialog: &mut TokenDialog<'_>,
        (token, pin): (&mut dyn Token, &SecretText),
    ) -> Result<(), AttemptError> {
        let (at, head) = (Timestamp::now(), request.head.clone());
        let purpose = format!("sign {}", request.short());
        let (owner, name) = ((self.custodian, enrolled), &self.custodian.name);
        let mut touch = || dialog.ask_touch(&purpose);
        let signed = request::sign(asked.vault, &request.purpose, owner, (at, head), token, pin, &mut touch);
        dialog.terminal.erase();
        match signed {
            Ok(envelope) => {
                request.record_approval(asked.vault, name, &envelope, asked.events);
                self.approval = Some(envelope);
                Ok(())
            }
            Err(
                why @ (TokenError::WrongPin { .. }
                | TokenError::Blocked
                | TokenError::Gone
                | TokenError::Busy),
            ) => Err(why.into()),
            Err(why @ (TokenError::NotTouched | TokenError::Failed(_))) => {
                self.cannot_sign = true;
                let what = TokenFailure::of(enrolled.serial, why).what;
                note(&format!("{name}: the close is not signed: {what}; closing goes on"));
                Ok(())
            }
        }
    }
}
