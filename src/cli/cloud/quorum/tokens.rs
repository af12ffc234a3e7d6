//! The YubiKeys that are plugged in and were not asked yet.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::custody::token::Token as _;
use crate::error::Result;
use crate::terminal::{Waker, note};
use crate::token::piv::PivToken;
use crate::token::readers::{ReaderEvent, Readers};

/// The longest wait until every reader was checked once.
const SETTLING: Duration = Duration::from_secs(2);

pub struct TokenQueue {
    readers: Readers,
    sightings: Receiver<ReaderEvent>,
    plugged: Vec<PivToken>,
    /// The unusable tokens that were reported: the reader's name, and the reason.
    reported: BTreeSet<(String, &'static str)>,
    /// No YubiKey is returned before this time, so that those plugged in at the start come in the manifest's order.
    settling: Option<Instant>,
}

impl TokenQueue {
    /// Starts to watch the readers; each event uses `waker`.
    ///
    /// # Errors
    /// If the PC/SC daemon does not answer.
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

    /// Takes the YubiKey whose serial number ranks lowest.
    pub fn next(&mut self, rank: impl Fn(u32) -> u8) -> Option<PivToken> {
        while let Ok(sighting) = self.sightings.try_recv() {
            match sighting {
                ReaderEvent::Token(token) => self.plugged.push(*token),
                ReaderEvent::Unusable(reader, why) => {
                    // A token that another program holds is tried repeatedly, but reported once.
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

    /// Returns the latest end of the first check of all readers; `None` when it has ended.
    pub fn settling(&self) -> Option<Instant> {
        self.settling
    }

    /// Ends the first check; returns whether it was still running.
    pub fn settle(&mut self) -> bool {
        self.settling.take().is_some()
    }

    /// Opens the token in `reader` again.
    pub fn look_again(&self, reader: &str) {
        self.readers.look_again(reader);
    }
}
