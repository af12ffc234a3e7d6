//! Gathering a quorum at the terminal: token, name, words, PIN, touch, for one custodian after the other.

mod custodian;
mod failure;
mod record;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::custody::approval::Request;
use crate::custody::opening;
use crate::custody::token::Token as _;
use crate::error::Result;
use crate::events::{Event, Events};
use crate::ledger::Ledger;
use crate::secret::Secret;
use crate::terminal::{NoAnswer, Reply, Terminal, listed, note, signals};
use crate::token::piv::PivToken;
use crate::token::readers::{Readers, Sighting};
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::quorum::{KEY, Share};
use failure::{Purpose, allow_swap};

/// What custodians are asked for.
pub struct Asked<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// What they approve; without it they are asked to close, which takes no approval.
    pub request: Option<&'a Request>,
    /// How long they are waited for.
    pub wait: Duration,
    /// Where approvals and given shares are on record.
    pub ledger: &'a Ledger,
    /// Where they are told to machines.
    pub events: Events,
    /// Custodians who play absent.
    pub absent: &'a [String],
}

/// What a quorum gave.
pub struct Gathered {
    /// Their shares.
    pub shares: Vec<Share>,
    /// Their signed approvals, where they were asked for one.
    pub approvals: Vec<Envelope>,
}

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
    request: Option<&'a Request>,
    purpose: Purpose,
    ledger: &'a Ledger,
    events: Events,
    approvals: Vec<Envelope>,
    /// Custodians whose approval is on record.
    approved: Vec<bool>,
    terminal: Terminal,
    readers: Readers,
    sightings: Receiver<Sighting>,
    plugged: Vec<PivToken>,
    /// What has been said of readers.
    told: BTreeSet<(String, &'static str)>,
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
/// [`Status::NoQuorum`], [`Status::TokenFailed`], [`Status::Damaged`], a ledger that takes no record, or a signal;
/// nothing was enabled or closed then.
pub fn shares(asked: &Asked<'_>) -> Result<Gathered> {
    let Asked { vault, request, wait, ledger, events, absent } = *asked;
    let purpose = if request.is_some() { Purpose::Open } else { Purpose::Close };
    let mut terminal = Terminal::open()?;
    allow_swap(&mut terminal, purpose)?;
    if let Some(request) = request {
        terminal.show(&record::summary(vault, request));
    }
    let (waker, (send, sightings)) = (terminal.waker(), channel());
    let readers = Readers::watch(move |sighting| {
        if send.send(sighting).is_ok() {
            waker.wake();
        }
    })?;
    let custodians = &vault.manifest.custodians;
    let part = |name: &String| if absent.contains(name) { Part::Aside } else { Part::Awaited };
    let mut gathering = Gathering {
        vault,
        request,
        purpose,
        ledger,
        events,
        approvals: Vec::new(),
        approved: vec![false; custodians.len()],
        terminal,
        readers,
        sightings,
        plugged: Vec::new(),
        told: BTreeSet::new(),
        settling: Some(Instant::now() + SETTLING),
        parts: custodians.iter().map(|custodian| part(&custodian.name)).collect(),
        failed: vec![false; custodians.len()],
        until: Instant::now() + wait,
    };
    while gathering.missing() > 0 {
        gathering.check()?;
        match gathering.next_token() {
            Some(token) => gathering.serve(token)?,
            None => gathering.wait()?,
        }
    }
    let Gathering { parts, approvals, .. } = gathering;
    let given = parts.into_iter().filter_map(|p| if let Part::Given(share) = p { Some(share) } else { None });
    Ok(Gathered { shares: given.collect(), approvals })
}

impl Gathering<'_> {
    fn missing(&self) -> usize {
        usize::from(self.vault.manifest.threshold.get()).saturating_sub(self.given())
    }

    fn given(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::Given(_))).count()
    }

    fn tell(&self, custodian: &str) {
        let (given, needed) = (self.given() + 1, self.vault.manifest.threshold.get());
        self.events.emit(jiff::Timestamp::now(), Event::Share { custodian, given, needed });
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
        if let Some(signal) = signals::pending() {
            return Err(self.purpose.ended(signal));
        }
        if self.awaited().len() < self.missing() {
            Err(self.no_quorum_with(self.awaited().len(), "fewer than needed can still come"))
        } else {
            Ok(())
        }
    }

    /// The plugged-in token to ask next: in the order of the manifest among those that are there.
    fn next_token(&mut self) -> Option<PivToken> {
        while let Ok(sighting) = self.sightings.try_recv() {
            match sighting {
                Sighting::Token(token) => self.plugged.push(*token),
                Sighting::Unusable(reader, why) => {
                    // A token that another program holds is tried again and again.
                    if self.told.insert((reader.clone(), why)) {
                        note(&format!("the token in reader {reader} is unusable: {why}"));
                    }
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
            Ok(Reply::Line(_)) | Err(NoAnswer::Woken) => Ok(()),
            Err(NoAnswer::Deadline) if self.settling.take().is_some() => Ok(()),
            Ok(Reply::End) => Err(self.no_quorum("the end of input")),
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
                self.given_by(custodian)?;
                self.tell(&custodian.name);
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
}
