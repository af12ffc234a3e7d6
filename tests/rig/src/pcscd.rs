//! A private smart card daemon: a real pcscd with virtual readers, in separate namespaces.
//!
//! The daemon's socket is in a private directory, and the readers listen in a private network namespace. Any number of
//! daemons can therefore run in parallel. The namespaces require root.

mod client;
mod daemon;
mod log;

use crate::token::{Plugged, Token};
use daemon::Daemon;
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The maximum number of readers in pcscd.
const READERS_MAX: usize = 16;

/// The longest wait until the daemon notices a change of a reader. The daemon polls every 0.4 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// Returns the name of a pair of readers. pcscd names each reader by appending two numbers to this name. The two
/// readers of the pair differ only in the second number.
fn pair_name(pair: usize) -> String {
    match pair {
        0 => "Yubico YubiKey OTP+FIDO+CCID".into(),
        more => format!("Yubico YubiKey OTP+FIDO+CCID [{more}]"),
    }
}

/// A running daemon. The daemon is stopped when this value is dropped or when the test's process ends.
pub struct Pcscd {
    daemon: Daemon,
    slots: Vec<Slot>,
}

/// One reader, and the token in the reader.
struct Slot {
    reader: String,
    port: u16,
    inserted: Mutex<Option<Inserted>>,
}

struct Inserted {
    token: Token,
    wire: TcpStream,
    thread: JoinHandle<()>,
}

impl Pcscd {
    /// Starts a daemon with empty readers. An odd number of readers is rounded up to an even number.
    ///
    /// # Panics
    ///
    /// Panics if there are more than 16 readers, or if the daemon does not start. The panic message contains the
    /// daemon's log.
    pub fn start(readers: usize) -> Self {
        assert!(readers <= READERS_MAX, "there should be at most {READERS_MAX} readers");
        let pairs = readers.div_ceil(2).max(1);
        let slots = (0..2 * pairs).map(Slot::new).collect();
        Self { daemon: Daemon::start(pairs), slots }
    }

    /// Starts a daemon with these tokens in its readers.
    ///
    /// # Panics
    ///
    /// Panics if [`Pcscd::start`] or [`Pcscd::insert`] panics.
    pub fn with(tokens: &[&Token]) -> Self {
        let pcscd = Self::start(tokens.len());
        for (slot, token) in tokens.iter().enumerate() {
            pcscd.plug(slot, token);
        }
        for slot in 0..tokens.len() {
            pcscd.wait_for(slot, true);
        }
        pcscd
    }

    /// Returns the path of the daemon's socket. Clients read this path from the variable `PCSCLITE_CSOCK_NAME`.
    pub fn socket(&self) -> &Path {
        self.daemon.socket()
    }

    /// Returns the name of the reader in this slot, counted from 0.
    pub fn reader(&self, slot: usize) -> &str {
        &self.slots[slot].reader
    }

    /// Inserts a token. Waits until the daemon has noticed the token.
    ///
    /// # Panics
    ///
    /// Panics if the slot does not exist or already has a token, or if the token is in another slot.
    pub fn insert(&self, slot: usize, token: &Token) {
        self.plug(slot, token);
        self.wait_for(slot, true);
    }

    /// Removes the token, even in the middle of a command. Waits until the daemon has noticed the removal.
    ///
    /// Does nothing if the slot is empty.
    pub fn remove(&self, slot: usize) {
        let inserted = self.slots[slot].inserted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(inserted) = inserted {
            inserted.remove();
            self.wait_for(slot, false);
        }
    }

    /// Waits until the daemon has noticed that `Fault::UnplugAtUse` unplugged a token.
    pub fn wait_removed(&self, slot: usize) {
        self.wait_for(slot, false);
    }

    /// Ends the daemon and removes all tokens. Dropping the value also ends the daemon.
    pub fn stop(&self) {
        self.daemon.stop();
        for slot in &self.slots {
            let inserted = slot.inserted.lock().unwrap_or_else(PoisonError::into_inner).take();
            inserted.into_iter().for_each(Inserted::remove);
        }
    }

    fn plug(&self, slot: usize, token: &Token) {
        let slot = &self.slots[slot];
        let mut inserted = slot.inserted.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!token.is_plugged(), "token {} should not be in a reader yet", token.serial());
        if let Some(fallen_out) = inserted.take_if(|other| !other.token.is_plugged()) {
            fallen_out.remove();
            self.wait_for_reader(&slot.reader, false);
        }
        assert!(inserted.is_none(), "the reader {} should be empty", slot.reader);
        let wire = self.daemon.connect(slot.port);
        *inserted = Some(Inserted::new(token, wire));
    }

    fn wait_for(&self, slot: usize, present: bool) {
        self.wait_for_reader(&self.slots[slot].reader, present);
    }

    fn wait_for_reader(&self, reader: &str, present: bool) {
        self.daemon.wait_for_card(reader, present, PATIENCE);
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Slot {
    fn new(index: usize) -> Self {
        Self {
            reader: format!("{} 00 {:02X}", pair_name(index / 2), index % 2),
            port: daemon::port(index),
            inserted: Mutex::new(None),
        }
    }
}

impl Inserted {
    fn new(token: &Token, wire: TcpStream) -> Self {
        token.plug();
        let other_end = wire.try_clone().expect("a socket should be duplicated");
        let served = token.clone();
        let thread = std::thread::spawn(move || Plugged::serve(served, other_end));
        Self { token: token.clone(), wire, thread }
    }

    fn remove(self) {
        self.token.unplug();
        let _ = self.wire.shutdown(Shutdown::Both);
        let _ = self.thread.join();
    }
}
