//! The YubiKeys that are plugged in and have not been used yet.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::custody::token::Token as _;
use crate::error::Result;
use crate::terminal::{Waker, note};
use crate::token::piv::PivToken;
use crate::token::readers::{ReaderEvent, Readers};

/// The longest time that the first check of all readers is allowed to take.
const SETTLING: Duration = Duration::from_secs(2);

pub struct TokenQueue {
    readers: Readers,
    sightings: Receiver<ReaderEvent>,
    plugged: Vec<PivToken>,
    /// The unusable tokens that were already reported. Each entry has the name of the token's reader, and the reason
    /// why the token is unusable.
    reported: BTreeSet<(String, &'static str)>,
    /// The deadline of the first check of all readers; `None` when that check is over. The queue returns no YubiKey
    /// before the first check is over. After the check, the queue can return the YubiKeys in the manifest's order.
    settling: Option<Instant>,
}

impl TokenQueue {
    /// Starts to watch the readers. Each event calls [`Waker::wake`].
    ///
    /// # Errors
    /// Fails if the PC/SC daemon does not answer.
    pub fn watch(waker: Waker) -> Result<Self> {
        let (send, sightings) = channel();
        let readers = Readers::watch(move |sighting| {
            if send.send(sighting).is_ok() {
                waker.wake();
            }
        })?;
        Ok(Self {
            readers,
            sightings,
            plugged: Vec::new(),
            reported: BTreeSet::new(),
            settling: Some(Instant::now() + SETTLING),
        })
    }

    /// Removes and returns the YubiKey whose serial number has the lowest rank.
    pub fn next(&mut self, rank: impl Fn(u32) -> u8) -> Option<PivToken> {
        while let Ok(sighting) = self.sightings.try_recv() {
            match sighting {
                ReaderEvent::Token(token) => self.plugged.push(*token),
                ReaderEvent::Unusable(reader, why) => {
                    // A token that another program uses is tried repeatedly, but reported only once.
                    if self.reported.insert((reader.clone(), why)) {
                        note(&format!("the token in reader {reader} is unusable: {why}"));
                    }
                }
                ReaderEvent::Settled => self.settling = None,
            }
        }
        if self.settling.is_some() {
            return None;
        }
        let next = (0..self.plugged.len()).min_by_key(|&place| rank(self.plugged[place].serial()))?;
        Some(self.plugged.remove(next))
    }

    /// Returns the deadline of the first check of all readers; `None` when that check is over.
    pub fn settling(&self) -> Option<Instant> {
        self.settling
    }

    /// Stops waiting for the first check of all readers. Returns false if the check was already over.
    pub fn settle(&mut self) -> bool {
        self.settling.take().is_some()
    }

    /// Checks the token in `reader` again.
    pub fn look_again(&self, reader: &str) {
        self.readers.look_again(reader);
    }
}
