//! One custodian, asked in this order: token, name, words, PIN, touch.

use super::{Gathering, Served, TOUCHES, record};
use crate::cli::typed;
use crate::custody::approval;
use crate::custody::opening::{self, PartOwner, ShareError};
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result};
use crate::secret::{Secret, SecretText};
use crate::terminal::{countable, note, signals};
use crate::token::piv::PivToken;
use crate::vault::manifest::{self, Custodian};
use crate::vault::quorum::{KEY, Share};

/// Why an attempt gave no share.
enum AttemptError {
    /// The token failed; it, or another, may do better.
    Token(TokenError),
    /// The opening ends: a damaged share, or a ledger that takes no record.
    Other(Error),
}

impl From<TokenError> for AttemptError {
    fn from(why: TokenError) -> Self {
        Self::Token(why)
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<ShareError> for AttemptError {
    fn from(why: ShareError) -> Self {
        match why {
            ShareError::Token(why) => Self::Token(why),
            ShareError::Damaged(why) => Self::Other(why.into()),
        }
    }
}

impl Gathering<'_> {
    /// Asks for all it takes.
    pub(super) fn ask(
        &mut self,
        custodian: &Custodian,
        enrolled: &manifest::Token,
        token: &mut PivToken,
        half: Option<Secret<KEY>>,
    ) -> Result<Served> {
        match opening::enrolled(token, enrolled) {
            Ok(Some(_)) => {}
            Ok(None) => {
                self.fail(
                    custodian,
                    &format!("YubiKey {} no longer holds the key that was enrolled", enrolled.serial),
                    "use the token that was enrolled, or go on with another custodian",
                );
                return Ok(Served::Aside);
            }
            Err(why) => return Ok(self.token_failed(custodian, enrolled.serial, why, half)),
        }
        let half = match half {
            Some(half) => half,
            None => match self.words(custodian)? {
                Some(half) => half,
                None => return Ok(Served::Aside),
            },
        };
        self.unlock(custodian, enrolled, token, half)
    }

    /// The custodian's half of their share, by their words; `None` when they are skipped.
    fn words(&mut self, custodian: &Custodian) -> Result<Option<Secret<KEY>>> {
        loop {
            let part = match typed::part(&mut self.terminal, &custodian.name, Some(self.until)) {
                Ok(Some(part)) => part,
                Ok(None) => {
                    note(&format!("{}: skipped", custodian.name));
                    return Ok(None);
                }
                Err(typed::Ended::Input) => return Err(self.no_quorum("the end of input")),
                Err(typed::Ended::Stop(stop)) => return Err(self.stopped(stop)),
            };
            match opening::recognise(self.vault, custodian, &part)? {
                PartOwner::Expected(half) => return Ok(Some(half)),
                PartOwner::Other(other) => note(&format!(
                    "{}: these are the words of {}\n  next: type the words of {}, or an empty line to skip",
                    custodian.name, other.name, custodian.name
                )),
                PartOwner::Unknown => note(&format!(
                    "{}: these words are a part, but not the one enrolled for this vault\n  next: take the sheet of this vault's enrolment, or an empty line to skip",
                    custodian.name
                )),
            }
        }
    }

    /// PIN and touches.
    fn unlock(
        &mut self,
        custodian: &Custodian,
        enrolled: &manifest::Token,
        token: &mut PivToken,
        half: Secret<KEY>,
    ) -> Result<Served> {
        let serial = enrolled.serial;
        let (mut known_pin, mut touches) = (None, 0);
        loop {
            let pin: SecretText = match known_pin.take() {
                Some(pin) => pin,
                None => match token.tries_left() {
                    Ok(left) => match self.pin(custodian, serial, left)? {
                        Some(pin) => pin,
                        None => return Ok(Served::Aside),
                    },
                    Err(why) => return Ok(self.token_failed(custodian, serial, why, Some(half))),
                },
            };
            let tried = self.attempt(custodian, enrolled, token, &pin, &half);
            self.terminal.erase();
            if let Some(signal) = signals::pending() {
                return Err(self.purpose.ended(signal));
            }
            match tried {
                Ok(share) => return Ok(Served::Share(share)),
                Err(AttemptError::Token(TokenError::WrongPin { left })) => note(&format!(
                    "{}: wrong PIN for YubiKey {serial}, {} left",
                    custodian.name,
                    countable(left.into(), "try", "tries")
                )),
                Err(AttemptError::Token(TokenError::NotTouched)) if touches + 1 < TOUCHES => {
                    touches += 1;
                    note(&format!(
                        "{}: YubiKey {serial} was not touched in time\n  next: touch its metal contact when it blinks",
                        custodian.name
                    ));
                    known_pin = Some(pin);
                }
                Err(AttemptError::Token(why)) => {
                    return Ok(self.token_failed(custodian, serial, why, Some(half)));
                }
                Err(AttemptError::Other(error)) => return Err(error),
            }
        }
    }

    /// With a PIN: the token signs the approval, then gives the share. What was signed once is not signed again.
    fn attempt(
        &mut self,
        custodian: &Custodian,
        enrolled: &manifest::Token,
        token: &mut PivToken,
        pin: &SecretText,
        half: &Secret<KEY>,
    ) -> Result<Share, AttemptError> {
        let (name, serial) = (&custodian.name, enrolled.serial);
        let place = usize::from(custodian.index) - 1;
        if let Some(request) = self.request.filter(|_| !self.approved[place]) {
            let (at, head) = (jiff::Timestamp::now(), self.head()?);
            let terminal = &mut self.terminal;
            let what = record::short(request);
            let mut touch =
                || terminal.put(&format!("{name}: touch YubiKey {serial} now, to approve {what}"));
            let who = (custodian, enrolled);
            let signed = approval::sign(self.vault, request, who, (at, head), token, pin, &mut touch);
            self.terminal.erase();
            self.approved_by(custodian, &signed?)?;
            self.approved[place] = true;
            if signals::pending().is_some() {
                return Err(TokenError::NotTouched.into());
            }
        }
        let terminal = &mut self.terminal;
        let mut touch = || terminal.put(&format!("{name}: touch YubiKey {serial} now, to give the share"));
        Ok(opening::open(self.vault, custodian, enrolled, token, pin, half, &mut touch)?)
    }

    /// The PIN, `None` when the custodian is skipped or nothing may be tried any more.
    fn pin(&mut self, custodian: &Custodian, serial: u32, left: u8) -> Result<Option<SecretText>> {
        if left == 0 {
            let _ = self.token_failed(custodian, serial, TokenError::Blocked, None);
            return Ok(None);
        }
        match typed::pin(&mut self.terminal, &custodian.name, serial, left, Some(self.until)) {
            Ok(Some(pin)) => Ok(Some(pin)),
            Ok(None) => {
                self.failed[usize::from(custodian.index) - 1] = left == 1;
                note(&format!("{}: skipped", custodian.name));
                Ok(None)
            }
            Err(typed::Ended::Input) => Err(self.no_quorum("the end of input")),
            Err(typed::Ended::Stop(stop)) => Err(self.stopped(stop)),
        }
    }
}
