//! PIN, PUK and management key of a token that may be fresh from the factory.

use super::Enrolling;
use super::failures::end;
use crate::cli::typed::{self, line};
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result, Status};
use crate::secret::SecretText;
use crate::terminal::{self, note};
use crate::token::enrol::{FACTORY_PIN, FACTORY_PUK, Management};

impl Enrolling<'_> {
    /// A PIN and a PUK that are not the factory's; the PIN.
    pub(super) fn credentials(&mut self) -> Result<SecretText> {
        let (factory_pin, factory_puk) = self.token.factory_pin_and_puk().map_err(|why| match why {
            TokenError::Failed(_) => Error::new(
                Status::TokenFailed,
                format!("YubiKey {} has firmware {}", self.token.serial(), self.token.firmware()),
            )
            .next("use one with firmware 5.3 or later: earlier ones cannot say whether their PIN is the factory's"),
            other => self.failed(other),
        })?;
        let pin = if factory_pin { self.new_pin()? } else { self.current_pin()? };
        if factory_puk {
            self.new_puk(&pin)?;
        }
        Ok(pin)
    }

    fn current_pin(&mut self) -> Result<SecretText> {
        loop {
            let left = self.token.tries_left().map_err(|why| self.failed(why))?;
            if left == 0 {
                return Err(self.failed(TokenError::Blocked));
            }
            let pin =
                typed::pin(&mut self.terminal, self.name, self.token.serial(), left, None).map_err(end)?;
            let pin =
                pin.ok_or_else(|| Error::usage(format!("{} was skipped; nothing was made", self.name)))?;
            match self.token.verify(&pin) {
                Ok(()) => return Ok(pin),
                Err(TokenError::WrongPin { left }) => {
                    let left = terminal::countable(left.into(), "try", "tries");
                    note(&format!(
                        "{}: wrong PIN for YubiKey {}, {left} left",
                        self.name,
                        self.token.serial()
                    ));
                }
                Err(why) => return Err(self.failed(why)),
            }
        }
    }

    fn new_pin(&mut self) -> Result<SecretText> {
        note(&format!(
            "{}: the PIN of YubiKey {} is still the factory's; choose one of your own",
            self.name,
            self.token.serial()
        ));
        let new = self.choose("PIN", FACTORY_PIN, None)?;
        self.token.change_pin(&SecretText::copy_of(FACTORY_PIN), &new).map_err(|why| self.failed(why))?;
        Ok(new)
    }

    fn new_puk(&mut self, pin: &SecretText) -> Result<()> {
        note(&format!(
            "{}: the PUK of YubiKey {} is still the factory's; choose one of your own",
            self.name,
            self.token.serial()
        ));
        let new = self.choose("PUK", FACTORY_PUK, Some(pin))?;
        self.token.change_puk(&SecretText::copy_of(FACTORY_PUK), &new).map_err(|why| self.failed(why))
    }

    /// A new PIN or PUK, typed twice, neither the factory's nor the other one.
    fn choose(&mut self, what: &str, factory: &str, other: Option<&SecretText>) -> Result<SecretText> {
        loop {
            let prompt = format!(
                "{}: new {what} for YubiKey {} (6 to 8 characters): ",
                self.name,
                self.token.serial()
            );
            let new = line(&mut self.terminal, &prompt, None).map_err(end)?;
            let problem = match typed::pin_shape(new.expose()) {
                Err(why) => Some(why),
                Ok(()) if new.expose() == factory => Some("that is the factory's"),
                Ok(()) if other.is_some_and(|other| other.expose() == new.expose()) => {
                    Some("PIN and PUK must differ")
                }
                Ok(()) => None,
            };
            if let Some(why) = problem {
                note(&format!("{}: {why}\n  next: choose another", self.name));
                continue;
            }
            let again =
                line(&mut self.terminal, &format!("{}: new {what} again: ", self.name), None).map_err(end)?;
            if again.expose() == new.expose() {
                return Ok(new);
            }
            note(&format!("{}: the two differ\n  next: type it twice the same", self.name));
        }
    }

    /// Opens the token for making keys, with the management key that the PIN protects or the factory's.
    pub(super) fn authenticate(&mut self, pin: &SecretText) -> Result<()> {
        match self.token.authenticate(pin).map_err(|why| self.failed(why))? {
            Management::Factory | Management::Protected => Ok(()),
            Management::Custom => Err(Error::new(
                Status::TokenFailed,
                format!("YubiKey {} has a management key that only its owner knows", self.token.serial()),
            )
            .next("protect it with the PIN (ykman piv access change-management-key --generate --protect), then enrol again")),
        }
    }
}
