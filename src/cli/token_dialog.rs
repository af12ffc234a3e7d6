//! The dialogue with a custodian about a YubiKey: asks for the PIN, asks for a touch, and describes failures.
//!
//! The commands open, close, drill, review and enrol all use this dialogue.

use std::time::Instant;

use super::typed::{self, Ended};
use crate::custody::opening::ShareError;
use crate::custody::token::{Token, TokenError};
use crate::error::Error;
use crate::secret::SecretText;
use crate::terminal::{NoAnswer, Terminal, countable, note, signals};

/// The maximum number of attempts at an operation if the YubiKey is not touched.
const TOUCHES: u8 = 2;

/// The dialogue about one YubiKey.
pub struct TokenDialog<'a> {
    pub terminal: &'a mut Terminal,
    /// The custodian's name.
    pub name: &'a str,
    pub serial: u32,
    /// The deadline for an answer. If the field is `None`, there is no deadline.
    pub until: Option<Instant>,
}

/// The reason why one attempt at an operation failed.
pub enum AttemptError {
    /// The YubiKey failed; another attempt might succeed.
    Token(TokenError),
    /// No further attempt can succeed.
    Fatal(Error),
}

/// The reason why a dialogue ended without a result.
pub enum DialogError {
    /// The custodian typed no PIN.
    Skipped {
        #[allow(dead_code, reason = "only the full build reads this field, for the quorum")]
        tries_left: u8,
    },
    /// The YubiKey failed.
    Token(TokenError),
    /// The input ended, time was up, or a signal arrived.
    Ended(Ended),
    Fatal(Error),
}

impl TokenDialog<'_> {
    /// Asks for the PIN and runs `operation`. After a wrong PIN, asks for the PIN again. If the YubiKey was not
    /// touched, repeats `operation` once.
    ///
    /// # Errors
    /// See [`DialogError`].
    pub fn run<T>(
        &mut self,
        token: &mut dyn Token,
        mut operation: impl FnMut(&mut Self, &mut dyn Token, &SecretText) -> Result<T, AttemptError>,
    ) -> Result<T, DialogError> {
        loop {
            let pin = self.pin(token)?;
            let result = self.repeat_untouched(|dialog| operation(dialog, token, &pin));
            match result {
                Err(DialogError::Token(TokenError::WrongPin { left })) => note(&format!(
                    "{}: wrong PIN for YubiKey {}, {} left",
                    self.name,
                    self.serial,
                    countable(left.into(), "try", "tries")
                )),
                result => return result,
            }
        }
    }

    /// Runs `operation`, and runs it again if the YubiKey was not touched in time.
    ///
    /// # Errors
    /// See [`DialogError`]. If a signal arrived while `operation` ran, returns the signal instead of the result.
    pub fn repeat_untouched<T>(
        &mut self,
        mut operation: impl FnMut(&mut Self) -> Result<T, AttemptError>,
    ) -> Result<T, DialogError> {
        let mut attempt = 1;
        loop {
            let result = operation(self);
            self.terminal.erase();
            if let Some(signal) = signals::pending() {
                return Err(DialogError::Ended(Ended::Stop(NoAnswer::Signal(signal))));
            }
            match result {
                Err(AttemptError::Token(TokenError::NotTouched)) if attempt < TOUCHES => {
                    attempt += 1;
                    note(&format!(
                        "{}: YubiKey {} was not touched in time\n  next: touch its metal contact when it blinks",
                        self.name, self.serial
                    ));
                }
                result => return Ok(result?),
            }
        }
    }

    /// Shows a prompt that asks for a touch and states its purpose. The prompt stays until the operation ends.
    pub fn ask_touch(&mut self, purpose: &str) {
        self.terminal.put(&format!("{}: touch YubiKey {} now, to {purpose}", self.name, self.serial));
    }

    /// Asks for the PIN. If only one PIN try is left, first asks for a confirmation.
    fn pin(&mut self, token: &mut dyn Token) -> Result<SecretText, DialogError> {
        let tries_left = token.tries_left().map_err(DialogError::Token)?;
        if tries_left == 0 {
            return Err(DialogError::Token(TokenError::Blocked));
        }
        if tries_left == 1 && !self.confirms_last_try()? {
            return Err(DialogError::Skipped { tries_left });
        }
        let left = countable(tries_left.into(), "try", "tries");
        let prompt = format!("{}: PIN of YubiKey {} ({left} left): ", self.name, self.serial);
        loop {
            let pin = self.line(&prompt)?;
            if pin.expose().is_empty() {
                return Err(DialogError::Skipped { tries_left });
            }
            match typed::pin_shape(pin.expose()) {
                Ok(()) => return Ok(pin),
                Err(why) => {
                    note(&format!(
                        "{}: {why}\n  next: type the PIN; nothing was sent to the YubiKey",
                        self.name
                    ));
                }
            }
        }
    }

    fn confirms_last_try(&mut self) -> Result<bool, DialogError> {
        let prompt = format!(
            "{}: YubiKey {} has one PIN try left, and a wrong PIN blocks it; type yes to enter the PIN: ",
            self.name, self.serial
        );
        Ok(self.line(&prompt)?.expose().trim() == "yes")
    }

    fn line(&mut self, prompt: &str) -> Result<SecretText, DialogError> {
        typed::line(self.terminal, prompt, self.until).map_err(DialogError::Ended)
    }
}

impl From<TokenError> for AttemptError {
    fn from(why: TokenError) -> Self {
        Self::Token(why)
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<ShareError> for AttemptError {
    fn from(why: ShareError) -> Self {
        match why {
            ShareError::Token(why) => Self::Token(why),
            ShareError::Damaged(why) => Self::Fatal(why.into()),
        }
    }
}

impl From<AttemptError> for DialogError {
    fn from(why: AttemptError) -> Self {
        match why {
            AttemptError::Token(why) => Self::Token(why),
            AttemptError::Fatal(error) => Self::Fatal(error),
        }
    }
}

/// The messages for a failure of a YubiKey.
pub struct TokenFailure {
    /// The failure as text, such as `YubiKey 12345678 was not touched in time`.
    pub what: String,
    pub next: &'static str,
    /// Whether the YubiKey might work after it is plugged in again.
    #[allow(dead_code, reason = "only the full build reads this field, for the quorum")]
    pub may_return: bool,
}

impl TokenFailure {
    pub fn of(serial: u32, why: TokenError) -> Self {
        let yubikey = format!("YubiKey {serial}");
        let (what, next, may_return) = match why {
            TokenError::Gone => {
                (format!("{yubikey} was pulled out or stopped answering"), "plug the YubiKey in again", true)
            }
            TokenError::Busy => (
                format!("{yubikey} is in use by another program"),
                "end that program (often gpg-agent's scdaemon), then plug the YubiKey in again",
                true,
            ),
            TokenError::Blocked => (
                format!("the PIN of {yubikey} is blocked"),
                "unblock the PIN with the PUK (ykman piv access unblock-pin)",
                false,
            ),
            TokenError::NotTouched => (
                format!("{yubikey} was not touched in time"),
                "try again, and touch the YubiKey when it blinks",
                false,
            ),
            TokenError::WrongPin { .. } => {
                (format!("{yubikey} refused the PIN or PUK"), "try again with the right PIN or PUK", false)
            }
            TokenError::Failed(why) => {
                (format!("{yubikey} failed: {why}"), "plug the YubiKey in again, then try again", false)
            }
        };
        Self { what, next, may_return }
    }
}
