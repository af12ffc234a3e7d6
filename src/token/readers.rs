//! The readers: every token is opened once, as soon as it is plugged in, side by side with the others.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pcsc::{Context, ReaderState, Scope, State};

use super::piv::PivToken;
use crate::error::{Error, Result, Status};

/// How long the watcher sleeps in pcscd before it looks whether it is still wanted.
const NAP: Duration = Duration::from_millis(250);

/// How long a reader is left in peace after its token stopped answering.
const BREATH: Duration = Duration::from_secs(1);

/// Why a token that another program holds is unusable; it is tried again.
pub const BUSY: &str = "another program holds it (gpg-agent's scdaemon is a usual one); end it";

/// What happened at a reader.
pub enum Sighting {
    /// A YubiKey is open and ready.
    Token(Box<PivToken>),
    /// Something is in this reader that cannot be used, and why.
    Unusable(String, &'static str),
    /// Everything that was plugged in from the start has been looked at.
    Settled,
}

/// Watches all readers until it is dropped.
pub struct Readers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    done: AtomicBool,
    /// Readers whose card is to be opened again, and when, although it has not changed.
    again: Mutex<Vec<(String, Instant)>>,
}

impl Readers {
    /// Starts to watch; `send` is called from other threads.
    ///
    /// # Errors
    /// [`Status::TokenFailed`] when pcscd does not answer.
    pub fn watch(send: impl Fn(Sighting) + Clone + Send + 'static) -> Result<Self> {
        let context = Context::establish(Scope::System).map_err(no_daemon)?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || watch(context, &of_thread, &send));
        Ok(Self { shared })
    }

    /// Opens the token in `reader` again: its handle went stale although it may still be there.
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
    /// Not at once: the daemon takes a moment to see that a token was pulled out, a program to let go of one.
    fn look_again(&self, reader: &str) {
        let due = Instant::now() + BREATH;
        self.again.lock().unwrap_or_else(PoisonError::into_inner).push((reader.to_owned(), due));
    }

    /// The readers whose time to be looked at again has come.
    fn due(&self) -> Vec<String> {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        again.extract_if(.., |(_, due)| *due <= now).map(|(reader, _)| reader).collect()
    }
}

/// `known` holds, for each reader, pcscd's event count when its card was last looked at.
fn watch(mut context: Context, shared: &Arc<Shared>, send: &(impl Fn(Sighting) + Clone + Send + 'static)) {
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
                        if matches!(&sighting, Sighting::Unusable(_, BUSY)) {
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

/// The readers there are; a daemon that was restarted is asked anew.
fn readers(context: &mut Context) -> Vec<CString> {
    match context.list_readers_owned() {
        Ok(readers) => readers,
        Err(pcsc::Error::NoReadersAvailable) => Vec::new(),
        Err(_) => {
            if let Ok(anew) = Context::establish(Scope::System) {
                *context = anew;
            }
            thread::sleep(NAP);
            Vec::new()
        }
    }
}

/// Says when the first round is over, without waiting for it here.
fn settle(opening: Vec<thread::JoinHandle<()>>, send: &(impl Fn(Sighting) + Clone + Send + 'static)) {
    let send = send.clone();
    thread::spawn(move || {
        for thread in opening {
            let _ = thread.join();
        }
        send(Sighting::Settled);
    });
}

/// Sleeps until a reader or a card changes, or for [`NAP`].
fn wait(context: &Context, states: &[ReaderState]) {
    let mut states: Vec<_> = states
        .iter()
        .map(|state| ReaderState::new(state.name(), state.event_state()))
        .chain([ReaderState::new(pcsc::PNP_NOTIFICATION(), State::UNAWARE)])
        .collect();
    states.iter_mut().for_each(ReaderState::sync_current_state);
    let before = Instant::now();
    let _ = context.get_status_change(NAP, &mut states);
    // Some daemons answer at once: never spin.
    thread::sleep(Duration::from_millis(20).saturating_sub(before.elapsed()));
}

fn open(reader: &CString) -> Sighting {
    let label = reader.to_string_lossy().into_owned();
    let opened = yubikey::reader::Context::open().and_then(|mut context| {
        let readers = context.iter()?;
        let found = readers.into_iter().find(|r| r.name() == label).ok_or(yubikey::Error::NotFound)?;
        found.open()
    });
    match opened {
        Ok(key) => Sighting::Token(Box::new(PivToken::new(key, label))),
        Err(yubikey::Error::PcscError { inner: Some(pcsc::Error::SharingViolation) }) => Sighting::Unusable(
            label,
            "another program holds it (gpg-agent's scdaemon is a usual one); end it",
        ),
        Err(yubikey::Error::PcscError { .. }) => {
            Sighting::Unusable(label, "it does not answer; plug it in again")
        }
        Err(_) => Sighting::Unusable(label, "it is no YubiKey with the PIV application"),
    }
}

/// Opens every YubiKey that is plugged in now, one after the other; what cannot be used is told apart.
///
/// # Errors
/// [`Status::TokenFailed`] when pcscd does not answer.
pub fn present() -> Result<Vec<Sighting>> {
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
    Error::new(Status::TokenFailed, format!("the smart card daemon does not answer: {why}"))
        .next("start pcscd (systemctl start pcscd), then try again")
}
