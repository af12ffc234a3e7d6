//! Gathering a quorum at the terminal: token, name, words, PIN, touch, for one custodian after the other.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::typed;
use crate::custody::opening::{self, Words};
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result, Status};
use crate::secret::{Secret, SecretText, unencrypted_swap};
use crate::terminal::{self, Stop, Terminal, Typed, countable, listed, note, signals};
use crate::token::piv::PivToken;
use crate::token::readers::{Readers, Sighting};
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Custodian};
use crate::vault::quorum::{KEY, Share};

/// How often a token may go without a touch before its custodian is set aside.
const TOUCHES: u8 = 2;

/// The longest wait for tokens that were plugged in from the start.
const SETTLING: Duration = Duration::from_secs(2);

/// What has become of a custodian.
enum Part {
    /// May still come.
    Awaited,
    /// May still come; the words are in, the token went away or failed.
    Known(Secret<KEY>),
    /// Gave their share.
    Given(Share),
    /// Will not come: an empty line, or a token that cannot.
    Aside,
}

/// How serving one token ended.
enum Served {
    /// With a share.
    Share(Share),
    /// Without, and the custodian may come again; with their half if the words were right.
    Again(Option<Secret<KEY>>),
    /// Without, for good.
    Aside,
}

/// One gathering.
struct Gathering<'a> {
    vault: &'a Vault,
    terminal: Terminal,
    readers: Readers,
    sightings: Receiver<Sighting>,
    plugged: Vec<PivToken>,
    /// Until then, tokens that were there from the start are waited for, so that they come in order.
    settling: Option<Instant>,
    parts: Vec<Part>,
    /// Custodians whose token or PIN failed.
    failed: Vec<bool>,
    until: Instant,
}

/// Asks custodians until the quorum is full.
///
/// # Errors
/// [`Status::NoQuorum`], [`Status::TokenFailed`], [`Status::Damaged`] or a signal; nothing was enabled then.
pub fn shares(vault: &Vault, wait: Duration) -> Result<Vec<Share>> {
    let mut terminal = Terminal::open()?;
    allow_swap(&mut terminal)?;
    let (waker, (send, sightings)) = (terminal.waker(), channel());
    let readers = Readers::watch(move |sighting| {
        if send.send(sighting).is_ok() {
            waker.wake();
        }
    })?;
    let count = vault.manifest.custodians.len();
    let mut gathering = Gathering {
        vault,
        terminal,
        readers,
        sightings,
        plugged: Vec::new(),
        settling: Some(Instant::now() + SETTLING),
        parts: std::iter::repeat_with(|| Part::Awaited).take(count).collect(),
        failed: vec![false; count],
        until: Instant::now() + wait,
    };
    while gathering.missing() > 0 {
        gathering.check()?;
        match gathering.next_token() {
            Some(token) => gathering.serve(token)?,
            None => gathering.wait()?,
        }
    }
    Ok(gathering
        .parts
        .into_iter()
        .filter_map(|p| if let Part::Given(share) = p { Some(share) } else { None })
        .collect())
}

/// Swap in the clear would break the promise that secrets stay in memory: an explicit yes, or an end.
fn allow_swap(terminal: &mut Terminal) -> Result<()> {
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
        Ok(Typed::Line(line)) if line.expose().trim() == "yes" => Ok(()),
        Err(Stop::Signal(number)) => Err(signals::ended(number)),
        _ => Err(Error::failed("swap is on and not encrypted; nothing was asked or enabled")
            .next("switch it off (swapoff -a) and open again")),
    }
}

impl Gathering<'_> {
    fn missing(&self) -> usize {
        usize::from(self.vault.manifest.threshold.get()).saturating_sub(self.given())
    }

    fn given(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Given(_))).count()
    }

    fn awaited(&self) -> Vec<&str> {
        let may_come = |part: &Part| matches!(part, Part::Awaited | Part::Known(_));
        let custodians = &self.vault.manifest.custodians;
        custodians
            .iter()
            .zip(&self.parts)
            .filter(|(_, p)| may_come(p))
            .map(|(c, _)| c.name.as_str())
            .collect()
    }

    /// Gives up as soon as a quorum cannot come together any more.
    fn check(&self) -> Result<()> {
        if let Some(number) = signals::pending() {
            return Err(signals::ended(number));
        }
        if self.awaited().len() < self.missing() {
            Err(self.no_quorum("fewer than needed can still come"))
        } else {
            Ok(())
        }
    }

    fn no_quorum(&self, why: &str) -> Error {
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
    fn stopped(&self, stop: Stop) -> Error {
        match stop {
            Stop::Signal(number) => signals::ended(number),
            Stop::Deadline | Stop::Woken => self.no_quorum("the time to wait is over"),
        }
    }

    /// The plugged-in token to ask next: in the order of the manifest among those that are there.
    fn next_token(&mut self) -> Option<PivToken> {
        while let Ok(sighting) = self.sightings.try_recv() {
            match sighting {
                Sighting::Token(token) => self.plugged.push(*token),
                Sighting::Unusable(reader, why) => {
                    note(&format!("the token in reader {reader} is unusable: {why}"));
                }
                Sighting::Settled => self.settling = None,
            }
        }
        if self.settling.is_some() {
            return None;
        }
        let index = |token: &PivToken| {
            opening::owner(&self.vault.manifest, token.serial()).map_or(0, |(c, _)| c.index)
        };
        let next = (0..self.plugged.len()).min_by_key(|&place| index(&self.plugged[place]))?;
        Some(self.plugged.remove(next))
    }

    /// Waits for a token; the end of input gives up.
    fn wait(&mut self) -> Result<()> {
        let prompt = format!(
            "waiting for the YubiKey of {} ({} more needed, Ctrl-D gives up): ",
            listed(&self.awaited(), "or"),
            self.missing()
        );
        // While the first round is under way there is nothing to wait for yet.
        let prompt = if self.settling.is_some() { "" } else { &prompt };
        let until = self.settling.map_or(self.until, |settled| settled.min(self.until));
        match self.terminal.wait(prompt, Some(until)) {
            Ok(Typed::Line(_)) | Err(Stop::Woken) => Ok(()),
            Err(Stop::Deadline) if self.settling.take().is_some() => Ok(()),
            Ok(Typed::End) => Err(self.no_quorum("the end of input")),
            Err(stop) => Err(self.stopped(stop)),
        }
    }

    /// Asks the custodian of `token` for all it takes.
    fn serve(&mut self, mut token: PivToken) -> Result<()> {
        let serial = token.serial();
        let Some((custodian, enrolled)) = opening::owner(&self.vault.manifest, serial) else {
            note(&format!(
                "YubiKey {serial} belongs to no custodian of this vault\n  next: insert the YubiKey of {}",
                listed(&self.awaited(), "or")
            ));
            return Ok(());
        };
        let place = usize::from(custodian.index) - 1;
        let half = match std::mem::replace(&mut self.parts[place], Part::Awaited) {
            Part::Awaited => None,
            Part::Known(half) => Some(half),
            done @ (Part::Given(_) | Part::Aside) => {
                self.parts[place] = done;
                return Ok(());
            }
        };
        let served = self.ask(custodian, enrolled, &mut token, half)?;
        let reader = token.reader().to_owned();
        match served {
            Served::Again(_) => token.let_go(),
            Served::Share(_) | Served::Aside => drop(token),
        }
        self.parts[place] = match served {
            Served::Share(share) => {
                note(&format!(
                    "{}: share {} of {} given",
                    custodian.name,
                    self.given() + 1,
                    self.vault.manifest.threshold.get()
                ));
                Part::Given(share)
            }
            Served::Again(half) => {
                self.readers.look_again(&reader);
                half.map_or(Part::Awaited, Part::Known)
            }
            Served::Aside => Part::Aside,
        };
        Ok(())
    }

    fn ask(
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
                Words::Own(half) => return Ok(Some(half)),
                Words::Of(other) => note(&format!(
                    "{}: these are the words of {}\n  next: type the words of {}, or an empty line to skip",
                    custodian.name, other.name, custodian.name
                )),
                Words::Foreign => note(&format!(
                    "{}: these words are a part, but not the one enrolled for this vault\n  next: take the sheet of this vault's enrolment, or an empty line to skip",
                    custodian.name
                )),
            }
        }
    }

    /// PIN and touch.
    fn unlock(
        &mut self,
        custodian: &Custodian,
        enrolled: &manifest::Token,
        token: &mut PivToken,
        half: Secret<KEY>,
    ) -> Result<Served> {
        let serial = enrolled.serial;
        let mut known_pin: Option<SecretText> = None;
        let mut touches = 0;
        loop {
            let pin = match known_pin.take() {
                Some(pin) => pin,
                None => match token.tries_left() {
                    Ok(left) => match self.pin(custodian, serial, left)? {
                        Some(pin) => pin,
                        None => return Ok(Served::Aside),
                    },
                    Err(why) => return Ok(self.token_failed(custodian, serial, why, Some(half))),
                },
            };
            let terminal = &mut self.terminal;
            let mut touch = || terminal.put(&format!("{}: touch YubiKey {serial} now", custodian.name));
            let opened = opening::open(self.vault, custodian, enrolled, token, &pin, &half, &mut touch);
            self.terminal.erase();
            if let Some(number) = signals::pending() {
                return Err(signals::ended(number));
            }
            match opened? {
                Ok(share) => return Ok(Served::Share(share)),
                Err(TokenError::WrongPin { left }) => note(&format!(
                    "{}: wrong PIN for YubiKey {serial}, {} left",
                    custodian.name,
                    countable(left.into(), "try", "tries")
                )),
                Err(TokenError::NotTouched) if touches + 1 < TOUCHES => {
                    touches += 1;
                    note(&format!(
                        "{}: YubiKey {serial} was not touched in time\n  next: touch its metal contact when it blinks",
                        custodian.name
                    ));
                    known_pin = Some(pin);
                }
                Err(why) => return Ok(self.token_failed(custodian, serial, why, Some(half))),
            }
        }
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

    fn token_failed(
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

    fn fail(&mut self, custodian: &Custodian, what: &str, next: &str) {
        self.failed[usize::from(custodian.index) - 1] = true;
        terminal::note(&format!("{}: {what}\n  next: {next}", custodian.name));
    }
}
