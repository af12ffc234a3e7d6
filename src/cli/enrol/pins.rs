//! Checks the PIN, PUK and management key of a YubiKey. Replaces a PIN or PUK that still has its factory value.

use super::Enrolling;
use crate::cli::token_dialog::TokenDialog;
use crate::cli::typed::{self, Ended, line};
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result, Status};
use crate::secret::SecretText;
use crate::terminal::note;
use crate::token::enrol::{FACTORY_PIN, FACTORY_PUK, Management};

impl Enrolling<'_> {
    /// Returns the PIN of the YubiKey. If the PIN or the PUK has its factory value, asks for a new value and sets it.
    pub(super) fn credentials(&mut self) -> Result<SecretText> {
        let (factory_pin, factory_puk) = self.token.factory_pin_and_puk().map_err(|why| match why {
            TokenError::Failed(_) => Error::new(
                Status::TokenFailed,
                format!("YubiKey {} has firmware {}", self.token.serial(), self.token.firmware()),
            )
            .next("use a YubiKey with firmware 5.3 or later: older firmware does not report whether the PIN is the factory PIN"),
            other => self.failed(other),
        })?;
        let pin = if factory_pin { self.new_pin()? } else { self.current_pin()? };
        if factory_puk {
            self.new_puk(&pin)?;
        }
        Ok(pin)
    }

    fn current_pin(&mut self) -> Result<SecretText> {
        let Self { name, terminal, token } = self;
        let serial = token.serial();
        let verified = TokenDialog { terminal, name, serial, until: None }
            .run(token, |_, token, pin| Ok(token.verify(pin).map(|()| SecretText::copy_of(pin.expose()))?));
        verified.map_err(|why| self.ended(why))
    }

    fn new_pin(&mut self) -> Result<SecretText> {
        note(&format!(
            "{}: YubiKey {} still has the factory PIN; choose a new one",
            self.name,
            self.token.serial()
        ));
        let new = self.choose("PIN", FACTORY_PIN, None)?;
        self.token.change_pin(&SecretText::copy_of(FACTORY_PIN), &new).map_err(|why| self.failed(why))?;
        Ok(new)
    }

    fn new_puk(&mut self, pin: &SecretText) -> Result<()> {
        note(&format!(
            "{}: YubiKey {} still has the factory PUK; choose a new one",
            self.name,
            self.token.serial()
        ));
        let new = self.choose("PUK", FACTORY_PUK, Some(pin))?;
        self.token.change_puk(&SecretText::copy_of(FACTORY_PUK), &new).map_err(|why| self.failed(why))
    }

    /// Asks twice for a new PIN or PUK. The new value must differ from the factory value and from `other`.
    fn choose(&mut self, what: &str, factory: &str, other: Option<&SecretText>) -> Result<SecretText> {
        loop {
            let prompt = format!(
                "{}: new {what} for YubiKey {} (6 to 8 characters): ",
                self.name,
                self.token.serial()
            );
            let new = line(&mut self.terminal, &prompt, None).map_err(Ended::nothing_enrolled)?;
            let problem = match typed::pin_shape(new.expose()) {
                Err(why) => Some(why),
                Ok(()) if new.expose() == factory => {
                    Some(if what == "PIN" { "that is the factory PIN" } else { "that is the factory PUK" })
                }
                Ok(()) if other.is_some_and(|other| other.expose() == new.expose()) => {
                    Some("PIN and PUK must differ")
                }
                Ok(()) => None,
            };
            if let Some(why) = problem {
                note(&format!("{}: {why}\n  next: choose another one", self.name));
                continue;
            }
            let again = line(&mut self.terminal, &format!("{}: new {what} again: ", self.name), None)
                .map_err(Ended::nothing_enrolled)?;
            if again.expose() == new.expose() {
                return Ok(new);
            }
            note(&format!("{}: the two entries differ\n  next: type the same {what} twice", self.name));
        }
    }

    /// Authenticates with the management key, which must have its factory value or be protected by the PIN.
    pub(super) fn authenticate(&mut self, pin: &SecretText) -> Result<()> {
        match self.token.authenticate(pin).map_err(|why| self.failed(why))? {
            Management::Factory | Management::Protected => Ok(()),
            Management::Custom => Err(Error::new(
                Status::TokenFailed,
                format!("YubiKey {} has a custom management key that the PIN does not protect", self.token.serial()),
            )
            .next("protect the key with the PIN (ykman piv access change-management-key --generate --protect), then enrol again")),
        }
    }
}
