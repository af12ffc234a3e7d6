//! Gathers a quorum at the terminal. Asks each custodian for YubiKey, words, PIN and touch, until the quorum is
//! complete.

mod custodian;
mod failure;
mod purpose;
mod record;
mod release;
mod tokens;

use std::time::Instant;

use jiff::Timestamp;

use crate::custody::opening;
use crate::custody::token::Token as _;
use crate::error::Result;
use crate::events::Event;
use crate::secret::Secret;
use crate::terminal::{NoAnswer, Reply, Terminal, listed, note, signals};
use crate::token::piv::PivToken;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Custodian;
use crate::vault::quorum::{KEY, Share};
use purpose::{Purpose, allow_swap};
pub use record::{Asked, QuorumRequest};
pub use release::CloseRequest;
use tokens::TokenQueue;

/// The result of a complete quorum.
pub struct Quorum {
    pub shares: Vec<Share>,
    /// The signed approvals of an opening, or the signed requests to close. To close, a custodian can give a share
    /// without a signature.
    pub approvals: Vec<Envelope>,
    /// The names of the custodians who signed, in the manifest's order.
    pub signed_by: Vec<String>,
    /// The names of the custodians who gave a share, in the manifest's order.
    pub given_by: Vec<String>,
}

/// A custodian and the state of their contribution to the quorum.
struct Seat<'a> {
    custodian: &'a Custodian,
    state: SeatState,
    /// The approval or the request to close that the custodian has signed.
    approval: Option<Envelope>,
    /// Whether the custodian's YubiKey failed to sign the request to close. The YubiKey is not asked for a signature
    /// again.
    cannot_sign: bool,
    /// Whether the custodian's YubiKey or PIN failed.
    failed: bool,
}

enum SeatState {
    /// The custodian can still give a share.
    Awaited,
    /// The words were right, but the YubiKey was removed or failed. The custodian can still give a share.
    Recognised(Secret<KEY>),
    Given(Share),
    /// The custodian will not give a share: they were skipped, or their YubiKey cannot be used.
    Aside,
}

/// The outcome of the dialogue with one custodian.
enum CustodianOutcome {
    Share(Share),
    /// The custodian is allowed to try again. If the words were right, the value is the half of the share that the
    /// words unwrap.
    Again(Option<Secret<KEY>>),
    /// The custodian will not be asked again.
    Aside,
}

struct Gathering<'a> {
    asked: &'a QuorumRequest<'a>,
    purpose: Purpose,
    terminal: Terminal,
    tokens: TokenQueue,
    /// The custodians, in the manifest's order.
    seats: Vec<Seat<'a>>,
    until: Instant,
}

/// Asks custodians until the quorum is complete.
///
/// # Errors
/// Fails with [`Status::NoQuorum`], [`Status::TokenFailed`] or [`Status::Damaged`]. Also fails if the ledger cannot be
/// written, or if a signal arrives. If this function fails, nothing was enabled or closed.
///
/// [`Status::NoQuorum`]: crate::error::Status::NoQuorum
/// [`Status::TokenFailed`]: crate::error::Status::TokenFailed
/// [`Status::Damaged`]: crate::error::Status::Damaged
pub fn gather(asked: &QuorumRequest<'_>) -> Result<Quorum> {
    let (purpose, summary) = match asked.asked {
        Asked::Open { request, rows } => (Purpose::Open, record::summary(asked.vault, request, rows)),
        Asked::Close(request) => (Purpose::Close, request.summary(asked.vault, asked.path)),
    };
    let mut terminal = Terminal::open()?;
    // The request to close is shown first, even before the question about unencrypted swap.
    if let Purpose::Close = purpose {
        terminal.show(&summary);
    }
    allow_swap(&mut terminal, purpose)?;
    if let Purpose::Open = purpose {
        terminal.show(&summary);
    }
    let tokens = TokenQueue::watch(terminal.waker())?;
    let seats = asked.vault.manifest.custodians.iter().map(|custodian| Seat::of(custodian, asked.absent));
    let until = Instant::now() + asked.wait;
    let mut gathering = Gathering { asked, purpose, terminal, tokens, seats: seats.collect(), until };
    while gathering.missing() > 0 {
        gathering.check()?;
        match gathering.next_token() {
            Some(token) => gathering.serve(token)?,
            None => gathering.wait()?,
        }
    }
    Ok(Quorum::of(gathering.seats))
}

impl Quorum {
    fn of(seats: Vec<Seat<'_>>) -> Self {
        let mut quorum =
            Self { shares: Vec::new(), approvals: Vec::new(), signed_by: Vec::new(), given_by: Vec::new() };
        for Seat { custodian, state, approval, .. } in seats {
            if let Some(approval) = approval {
                quorum.approvals.push(approval);
                quorum.signed_by.push(custodian.name.clone());
            }
            if let SeatState::Given(share) = state {
                quorum.shares.push(share);
                quorum.given_by.push(custodian.name.clone());
            }
        }
        quorum
    }
}

impl<'a> Seat<'a> {
    fn of(custodian: &'a Custodian, absent: &[String]) -> Self {
        let state = if absent.contains(&custodian.name) { SeatState::Aside } else { SeatState::Awaited };
        Self { custodian, state, approval: None, cannot_sign: false, failed: false }
    }

    fn may_come(&self) -> bool {
        matches!(self.state, SeatState::Awaited | SeatState::Recognised(_))
    }

    fn has_given(&self) -> bool {
        matches!(self.state, SeatState::Given(_))
    }
}

impl Gathering<'_> {
    fn threshold(&self) -> u8 {
        self.asked.vault.manifest.threshold.get()
    }

    fn missing(&self) -> usize {
        usize::from(self.threshold()).saturating_sub(self.given())
    }

    fn given(&self) -> usize {
        self.seats.iter().filter(|seat| seat.has_given()).count()
    }

    fn awaited(&self) -> Vec<&str> {
        let awaited = self.seats.iter().filter(|seat| seat.may_come());
        awaited.map(|seat| seat.custodian.name.as_str()).collect()
    }

    /// Fails if a signal has arrived, or if the quorum can no longer be reached.
    fn check(&self) -> Result<()> {
        if let Some(signal) = signals::pending() {
            return Err(self.purpose.interrupted(signal));
        }
        if self.awaited().len() < self.missing() {
            Err(self.no_quorum_with(self.awaited().len(), "too few custodians are left"))
        } else {
            Ok(())
        }
    }

    /// Returns the YubiKey to use next. If several YubiKeys are plugged in, the order of the custodians in the
    /// manifest decides.
    fn next_token(&mut self) -> Option<PivToken> {
        let manifest = &self.asked.vault.manifest;
        self.tokens
            .next(|serial| opening::owner(manifest, serial).map_or(0, |(custodian, _)| custodian.index))
    }

    /// Waits for a YubiKey.
    fn wait(&mut self) -> Result<()> {
        let prompt = format!(
            "waiting for the YubiKey of {} ({} more needed, Ctrl-D gives up): ",
            listed(&self.awaited(), "or"),
            self.missing()
        );
        // The prompt stays empty until all readers have been checked, because a YubiKey might already be plugged in.
        let settling = self.tokens.settling();
        let prompt = if settling.is_some() { "" } else { &prompt };
        let until = settling.map_or(self.until, |settled| settled.min(self.until));
        match self.terminal.wait(prompt, Some(until)) {
            Ok(Reply::Line(_)) | Err(NoAnswer::Woken) => Ok(()),
            Err(NoAnswer::Deadline) if self.tokens.settle() => Ok(()),
            Ok(Reply::End) => Err(self.no_quorum("the input ended")),
            Err(stop) => Err(self.stopped(stop)),
        }
    }

    /// Asks the custodian who owns `token` for a share.
    fn serve(&mut self, mut token: PivToken) -> Result<()> {
        let serial = token.serial();
        let Some((custodian, enrolled)) = opening::owner(&self.asked.vault.manifest, serial) else {
            note(&format!(
                "YubiKey {serial} belongs to no custodian of this vault\n  next: plug in the YubiKey of {}",
                listed(&self.awaited(), "or")
            ));
            return Ok(());
        };
        let place = usize::from(custodian.index) - 1;
        let half = match std::mem::replace(&mut self.seats[place].state, SeatState::Awaited) {
            SeatState::Awaited => None,
            SeatState::Recognised(half) => Some(half),
            done @ (SeatState::Given(_) | SeatState::Aside) => {
                self.seats[place].state = done;
                return Ok(());
            }
        };
        let outcome = self.ask(place, enrolled, &mut token, half)?;
        let reader = token.reader().to_owned();
        match outcome {
            CustodianOutcome::Again(_) => token.release(),
            CustodianOutcome::Share(_) | CustodianOutcome::Aside => drop(token),
        }
        self.seats[place].state = match outcome {
            CustodianOutcome::Share(share) => {
                self.share_given(custodian)?;
                SeatState::Given(share)
            }
            CustodianOutcome::Again(half) => {
                self.tokens.look_again(&reader);
                half.map_or(SeatState::Awaited, SeatState::Recognised)
            }
            CustodianOutcome::Aside => SeatState::Aside,
        };
        Ok(())
    }

    /// Prints and records that the custodian gave a share. If the share cannot be recorded, the share does not count.
    fn share_given(&self, custodian: &Custodian) -> Result<()> {
        let (name, given, needed) = (&custodian.name, self.given() + 1, self.threshold());
        note(&format!("{name}: share {given} of {needed} given"));
        self.asked.record_share(custodian)?;
        self.asked.events.emit(Timestamp::now(), Event::Share { custodian: name, given, needed });
        Ok(())
    }
}
