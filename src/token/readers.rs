//! Watches PC/SC readers, and opens every token as soon as it is plugged in. Several tokens are opened in parallel.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, Scope, State};

use super::piv::PivToken;
use crate::error::{Error, Result, Status};

/// The longest time that the watcher waits for pcscd at once. After each wait, the watcher checks whether it should
/// stop.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The delay before a token that stopped answering is opened again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The reason that is reported for a token that another program uses exclusively. The watcher tries such a token
/// again later.
pub const BUSY: &str = "another program uses the token (often gpg-agent's scdaemon); end that program";

/// An event at a reader.
pub enum ReaderEvent {
    /// A YubiKey was opened and is ready.
    Token(Box<PivToken>),
    /// The card in this reader cannot be used, for the given reason.
    Unusable(String, &'static str),
    /// Every card that was present at the start has been opened, or was found unusable.
    Settled,
}

/// Watches all readers until this value is dropped.
pub struct Readers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    done: AtomicBool,
    /// The readers whose card must be opened again, each with the time of the next attempt. pcscd reports no change
    /// at these readers, because the card was not replaced.
    again: Mutex<Vec<(String, Instant)>>,
}

impl Readers {
    /// Starts to watch the readers. Other threads call `send` with each event.
    ///
    /// # Errors
    /// Returns [`Status::TokenFailed`] if pcscd does not answer.
    pub fn watch(send: impl Fn(ReaderEvent) + Clone + Send + 'static) -> Result<Self> {
        let context = Context::establish(Scope::System).map_err(no_daemon)?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || watch(context, &of_thread, &send));
        Ok(Self { shared })
    }

    /// Opens the token in `reader` again. The caller's handle of the token no longer works, but the token might still
    /// be plugged in.
    pub fn look_again(&self, reader: &str) {
        self.shared.look_again(reader);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// Schedules the token in `reader` to be opened again after a delay. During the delay, pcscd can notice that a
    /// token was removed, and another program can release a token.
    fn look_again(&self, reader: &str) {
        let due = Instant::now() + RETRY_DELAY;
        self.again.lock().unwrap_or_else(PoisonError::into_inner).push((reader.to_owned(), due));
    }

    /// Returns the readers whose token is due to be opened again.
    fn due(&self) -> Vec<String> {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        again.extract_if(.., |(_, due)| *due <= now).map(|(reader, _)| reader).collect()
    }
}

/// Runs the watcher. For each reader, `known` has pcscd's event count at the time when the reader's card was last
/// opened.
fn watch(mut context: Context, shared: &Arc<Shared>, send: &(impl Fn(ReaderEvent) + Clone + Send + 'static)) {
    let mut known: BTreeMap<CString, Option<u32>> = BTreeMap::new();
    let mut first = true;
    while !shared.done.load(Ordering::Relaxed) {
        let present = readers(&mut context);
        known.retain(|name, _| present.contains(name));
        for name in shared.due() {
            known.retain(|reader, _| reader.to_string_lossy() != name);
        }
        let mut states: Vec<_> =
            present.iter().map(|name| ReaderState::new(name.clone(), State::UNAWARE)).collect();
        if !states.is_empty() && context.get_status_change(Duration::ZERO, &mut states).is_ok() {
            let mut opening = Vec::new();
            for state in &states {
                let seen = state.event_state().contains(State::PRESENT).then(|| state.event_count());
                if known.insert(state.name().to_owned(), seen) != Some(seen) && seen.is_some() {
                    let (name, send) = (state.name().to_owned(), send.clone());
                    let shared = Arc::clone(shared);
                    opening.push(thread::spawn(move || {
                        let sighting = open(&name);
                        if matches!(&sighting, ReaderEvent::Unusable(_, BUSY)) {
                            shared.look_again(&name.to_string_lossy());
                        }
                        send(sighting);
                    }));
                }
            }
            if std::mem::take(&mut first) {
                settle(opening, send);
            }
        }
        wait(&context, &states);
    }
}

/// Lists the readers. Connects to pcscd again if pcscd was restarted.
fn readers(context: &mut Context) -> Vec<CString> {
    match context.list_readers_owned() {
        Ok(readers) => readers,
        Err(pcsc::Error::NoReadersAvailable) => Vec::new(),
        Err(_) => {
            if let Ok(fresh) = Context::establish(Scope::System) {
                *context = fresh;
            }
            thread::sleep(POLL_INTERVAL);
            Vec::new()
        }
    }
}

/// Sends [`ReaderEvent::Settled`] when the program has tried to open every token that was present at the start. Does
/// not block the watcher.
fn settle(opening: Vec<thread::JoinHandle<()>>, send: &(impl Fn(ReaderEvent) + Clone + Send + 'static)) {
    let send = send.clone();
    thread::spawn(move || {
        for thread in opening {
            let _ = thread.join();
        }
        send(ReaderEvent::Settled);
    });
}

/// Waits until a reader or a card changes, but at most for [`POLL_INTERVAL`].
fn wait(context: &Context, states: &[ReaderState]) {
    let mut states: Vec<_> = states
        .iter()
        .map(|state| ReaderState::new(state.name(), state.event_state()))
        .chain([ReaderState::new(pcsc::PNP_NOTIFICATION(), State::UNAWARE)])
        .collect();
    states.iter_mut().for_each(ReaderState::sync_current_state);
    let before = Instant::now();
    let _ = context.get_status_change(POLL_INTERVAL, &mut states);
    // Some PC/SC daemons return immediately, so this pause prevents a busy loop.
    thread::sleep(Duration::from_millis(20).saturating_sub(before.elapsed()));
}

fn open(reader: &CString) -> ReaderEvent {
    let label = reader.to_string_lossy().into_owned();
    let opened = yubikey::reader::Context::open().and_then(|mut context| {
        let readers = context.iter()?;
        let found = readers.into_iter().find(|r| r.name() == label).ok_or(yubikey::Error::NotFound)?;
        found.open()
    });
    match opened {
        Ok(key) => ReaderEvent::Token(Box::new(PivToken::new(key, label))),
        Err(yubikey::Error::PcscError { inner: Some(pcsc::Error::SharingViolation) }) => {
            ReaderEvent::Unusable(label, BUSY)
        }
        Err(yubikey::Error::PcscError { .. }) => {
            ReaderEvent::Unusable(label, "the token does not answer; plug it in again")
        }
        Err(_) => ReaderEvent::Unusable(label, "this is not a YubiKey with the PIV application"),
    }
}

/// Opens every YubiKey that is plugged in now, one after the other.
///
/// # Errors
/// Returns [`Status::TokenFailed`] if pcscd does not answer.
pub fn present() -> Result<Vec<ReaderEvent>> {
    let context = Context::establish(Scope::System).map_err(no_daemon)?;
    let is_there = |reader: &CString| {
        let mut state = [ReaderState::new(reader.clone(), State::UNAWARE)];
        context.get_status_change(Duration::ZERO, &mut state).is_ok()
            && state[0].event_state().contains(State::PRESENT)
    };
    let readers = context.list_readers_owned().unwrap_or_default();
    Ok(readers.iter().filter(|reader| is_there(reader)).map(open).collect())
}

fn no_daemon(why: pcsc::Error) -> Error {
    Error::new(Status::TokenFailed, format!("the smart card daemon (pcscd) does not answer: {why}"))
        .next("start pcscd (systemctl start pcscd), then try again")
}
