//! One custodian's token signs a statement: whoever of the vault is there, PIN and touch.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::typed::{self, Ended};
use crate::custody::opening;
use crate::custody::statement::{Predicate, Statement};
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result, Status};
use crate::terminal::{NoAnswer, Terminal, countable, listed, note, signals};
use crate::token::piv::PivToken;
use crate::token::readers::{self, Sighting};
use crate::vault::dsse::Envelope;
use crate::vault::manifest::{Custodian, Manifest, Token};

/// How often a token may go without a touch.
const TOUCHES: u8 = 2;

/// Who signs, and what for.
pub struct Signing<'a> {
    /// Whose custodians may.
    pub manifest: &'a Manifest,
    /// What they sign, in words: `the review of session …`.
    pub what: &'a str,
    /// How long they are waited for.
    pub wait: Duration,
    /// Who is asked before the others.
    pub first: &'a [String],
    /// Who is not asked.
    pub absent: &'a [String],
}

impl Signing<'_> {
    /// Has one custodian's token sign what `make` says of them; their name and the envelope.
    ///
    /// # Errors
    /// [`Status::TokenFailed`] when nobody could, or a signal.
    pub fn by_anyone<P: Predicate>(
        &self,
        make: impl Fn(&Custodian, &Token) -> Result<Statement<P>>,
    ) -> Result<(String, Envelope)> {
        let mut terminal = Terminal::open()?;
        let until = Instant::now() + self.wait;
        // Whoever would not, or could not: the next one is asked.
        let mut aside: Vec<u32> = Vec::new();
        let mut last = None;
        loop {
            let Some(mut token) = self.wait_for(&mut terminal, until, &aside)? else {
                return Err(last.unwrap_or_else(|| self.failed("no custodian's YubiKey was plugged in")));
            };
            let (custodian, enrolled) = opening::owner(self.manifest, token.serial())
                .ok_or_else(|| self.failed("its token is none of this vault"))?;
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

    /// This custodian's token signs it.
    fn by<P: Predicate>(
        &self,
        terminal: &mut Terminal,
        custodian: &Custodian,
        enrolled: &Token,
        token: &mut PivToken,
        statement: &Statement<P>,
        until: Instant,
    ) -> Result<Envelope> {
        let (name, serial) = (&custodian.name, enrolled.serial);
        terminal.show(&format!("breakglass: {name}: YubiKey {serial} is to sign {}", self.what));
        let mut touches = 0;
        loop {
            let left = token.tries_left().map_err(|why| self.token_failed(name, serial, why))?;
            let pin = match typed::pin(terminal, name, serial, left, Some(until)) {
                Ok(Some(pin)) => pin,
                Ok(None) | Err(Ended::Input) => return Err(self.failed(&format!("{name} typed no PIN"))),
                Err(Ended::Stop(NoAnswer::Signal(signal))) => {
                    return Err(Error::interrupted(signal, "nothing was enabled"));
                }
                Err(Ended::Stop(_)) => return Err(self.failed("the time to wait is over")),
            };
            let prompt = format!("{name}: touch YubiKey {serial} now, to sign {}", self.what);
            let signed = statement.sign(enrolled, token, &pin, &mut || terminal.put(&prompt));
            terminal.erase();
            match signed {
                Ok(envelope) => return Ok(envelope),
                Err(TokenError::WrongPin { left }) => note(&format!(
                    "{name}: wrong PIN for YubiKey {serial}, {} left",
                    countable(left.into(), "try", "tries")
                )),
                Err(TokenError::NotTouched) if touches + 1 < TOUCHES => {
                    touches += 1;
                    note(&format!("{name}: YubiKey {serial} was not touched in time"));
                }
                Err(why) => return Err(self.token_failed(name, serial, why)),
            }
        }
    }

    /// The first custodian's token that is plugged in, in the manifest's order, who is not `aside`; those who came first.
    /// `None` when there is none and somebody has been asked.
    fn wait_for(&self, terminal: &mut Terminal, until: Instant, aside: &[u32]) -> Result<Option<PivToken>> {
        let may = |custodian: &Custodian| !self.absent.contains(&custodian.name);
        let names: Vec<_> =
            self.manifest.custodians.iter().filter(|c| may(c)).map(|c| c.name.as_str()).collect();
        let mut told = false;
        loop {
            let rank = |token: &PivToken| {
                let (custodian, enrolled) = opening::owner(self.manifest, token.serial())?;
                let asked = may(custodian) && !aside.contains(&enrolled.serial);
                asked.then(|| (!self.first.contains(&custodian.name), custodian.index))
            };
            let tokens = readers::present()?.into_iter().filter_map(|sighting| match sighting {
                Sighting::Token(token) => Some((rank(&token)?, token)),
                _ => None,
            });
            if let Some((_, token)) = tokens.min_by_key(|(rank, _)| *rank) {
                terminal.erase();
                return Ok(Some(*token));
            }
            if let Some(signal) = signals::pending() {
                return Err(Error::interrupted(signal, "nothing was enabled"));
            }
            if !aside.is_empty() || Instant::now() >= until {
                return Ok(None);
            }
            if !std::mem::replace(&mut told, true) {
                terminal.put(&format!(
                    "plug in the YubiKey of {}, to sign {}",
                    listed(&names, "or"),
                    self.what
                ));
            }
            sleep(Duration::from_millis(250));
        }
    }

    fn failed(&self, why: &str) -> Error {
        Error::new(Status::TokenFailed, format!("{} is not signed: {why}", self.what))
            .next("try again with a custodian's YubiKey and PIN")
    }

    fn token_failed(&self, name: &str, serial: u32, why: TokenError) -> Error {
        let why = match why {
            TokenError::Blocked | TokenError::WrongPin { .. } => "has its PIN blocked",
            TokenError::NotTouched => "was not touched in time",
            TokenError::Gone => "was pulled out or stopped answering",
            TokenError::Busy => "is held by another program",
            TokenError::Failed(why) => why,
        };
        self.failed(&format!("{name}'s YubiKey {serial}: {why}"))
    }
}
