//! Has one custodian sign a statement with their YubiKey. The statement is either the evidence of a drill or a
//! review.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::token_dialog::{AttemptError, DialogError, TokenDialog, TokenFailure};
use super::typed::Ended;
use crate::custody::opening;
use crate::custody::statement::{Predicate, Statement};
use crate::custody::token::Token as _;
use crate::error::{Error, Result, Status};
use crate::signal::Signal;
use crate::terminal::{NoAnswer, Terminal, listed, note, signals};
use crate::token::piv::PivToken;
use crate::token::readers::{self, ReaderEvent};
use crate::vault::dsse::Envelope;
use crate::vault::manifest::{Custodian, EnrolledToken, Manifest};

/// The polling interval while no YubiKey is plugged in.
const INTERVAL: Duration = Duration::from_millis(250);

/// A statement to sign. The statement needs the signature of one custodian of the vault.
pub struct Signing<'a> {
    /// The vault's manifest, with its custodians.
    pub manifest: &'a Manifest,
    /// The description of the statement in prompts, such as `the review of session …`.
    pub what: &'a str,
    /// The longest wait for a custodian.
    pub wait: Duration,
    /// The names of custodians who are asked first.
    pub first: &'a [String],
    /// The names of custodians who are not asked.
    pub absent: &'a [String],
}

impl Signing<'_> {
    /// Has one custodian sign the statement that `make` returns. Returns the custodian's name and the envelope.
    ///
    /// # Errors
    /// Returns [`Status::TokenFailed`] if no custodian signed, or an error if a signal ended the wait.
    pub fn by_any_custodian<P: Predicate>(
        &self,
        make: impl Fn(&Custodian, &EnrolledToken) -> Result<Statement<P>>,
    ) -> Result<(String, Envelope)> {
        let mut terminal = Terminal::open()?;
        let until = Instant::now() + self.wait;
        // The serial numbers of YubiKeys that failed or were skipped. YubiKeys that failed or were skipped are not
        // tried again.
        let mut aside: Vec<u32> = Vec::new();
        let mut last = None;
        loop {
            let Some(mut token) = self.wait_for_token(&mut terminal, until, &aside)? else {
                return Err(last.unwrap_or_else(|| self.unsigned("no custodian's YubiKey was plugged in")));
            };
            let (custodian, enrolled) = opening::owner(self.manifest, token.serial())
                .ok_or_else(|| self.unsigned("the YubiKey does not belong to this vault"))?;
            let statement = make(custodian, enrolled)?;
            match self.by(&mut terminal, custodian, enrolled, &mut token, &statement, until) {
                Ok(envelope) => return Ok((custodian.name.clone(), envelope)),
                Err(error) if error.status == Status::TokenFailed => {
                    note(&error.what);
                    aside.push(enrolled.serial);
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn by<P: Predicate>(
        &self,
        terminal: &mut Terminal,
        custodian: &Custodian,
        enrolled: &EnrolledToken,
        token: &mut PivToken,
        statement: &Statement<P>,
        until: Instant,
    ) -> Result<Envelope> {
        let (name, serial) = (&custodian.name, enrolled.serial);
        terminal.show(&format!("breakglass: {name}: please sign {}", self.what));
        let purpose = format!("sign {}", self.what);
        let signed =
            TokenDialog { terminal, name, serial, until: Some(until) }.run(token, |dialog, token, pin| {
                statement
                    .sign(enrolled, token, pin, &mut || dialog.ask_touch(&purpose))
                    .map_err(AttemptError::from)
            });
        signed.map_err(|why| match why {
            DialogError::Skipped { .. } | DialogError::Ended(Ended::Input) => {
                self.unsigned(&format!("{name} typed no PIN"))
            }
            DialogError::Token(why) => {
                self.unsigned(&format!("{name}: {}", TokenFailure::of(serial, why).what))
            }
            DialogError::Ended(Ended::Stop(NoAnswer::Signal(signal))) => interrupted(signal),
            DialogError::Ended(Ended::Stop(_)) => self.unsigned("timed out"),
            DialogError::Fatal(error) => error,
        })
    }

    /// Waits for the YubiKey of a custodian who is allowed to sign. If several YubiKeys are plugged in, prefers the
    /// YubiKeys of the custodians in `first`, and then follows the manifest's order. Returns `None` if no such YubiKey
    /// is plugged in when time is up. The YubiKeys with the serial numbers in `aside` are not used. If `aside` is not
    /// empty, the function does not wait.
    fn wait_for_token(
        &self,
        terminal: &mut Terminal,
        until: Instant,
        aside: &[u32],
    ) -> Result<Option<PivToken>> {
        let mut prompted = false;
        loop {
            if let Some(token) = self.plugged_in(aside)? {
                terminal.erase();
                return Ok(Some(token));
            }
            if let Some(signal) = signals::pending() {
                return Err(interrupted(signal));
            }
            if !aside.is_empty() || Instant::now() >= until {
                return Ok(None);
            }
            if !std::mem::replace(&mut prompted, true) {
                let custodians = self.manifest.custodians.iter().filter(|custodian| self.may_sign(custodian));
                let names: Vec<_> = custodians.map(|custodian| custodian.name.as_str()).collect();
                let names = listed(&names, "or");
                terminal.put(&format!("plug in the YubiKey of {names}, to sign {}", self.what));
            }
            sleep(INTERVAL);
        }
    }

    fn plugged_in(&self, aside: &[u32]) -> Result<Option<PivToken>> {
        let rank = |token: &PivToken| {
            let (custodian, enrolled) = opening::owner(self.manifest, token.serial())?;
            let may_sign = self.may_sign(custodian) && !aside.contains(&enrolled.serial);
            may_sign.then(|| (!self.first.contains(&custodian.name), custodian.index))
        };
        let tokens = readers::present()?.into_iter().filter_map(|sighting| match sighting {
            ReaderEvent::Token(token) => Some((rank(&token)?, token)),
            _ => None,
        });
        Ok(tokens.min_by_key(|(rank, _)| *rank).map(|(_, token)| *token))
    }

    fn may_sign(&self, custodian: &Custodian) -> bool {
        !self.absent.contains(&custodian.name)
    }

    fn unsigned(&self, why: &str) -> Error {
        Error::new(Status::TokenFailed, format!("{} is not signed: {why}", self.what))
            .next("try again with a custodian's YubiKey and PIN")
    }
}

fn interrupted(signal: Signal) -> Error {
    Error::interrupted(signal, "nothing was signed")
}
