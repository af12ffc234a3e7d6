//! Virtual YubiKeys: a PIV applet that follows the standard, and a handle with which tests control the applet.
//!
//! A [`Token`] is the handle. Clones of a `Token` share one card. The card answers while the token is in a reader of
//! [`Pcscd`](crate::pcscd::Pcscd). Through the handle, a test can inspect the card or inject faults at any time.

mod apdu;
mod attest;
mod card;
mod fault;
mod keys;
mod management;
mod objects;
mod pin;
mod pins;
mod plugged;
mod slot;
mod status;
mod tlv;

pub use attest::Authority;
pub use management::{Cipher, ManagementKey};
pub(crate) use plugged::Plugged;
pub use slot::{PinPolicy, TouchPolicy};

use card::{Card, Halt};
use p256::{PublicKey, SecretKey};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The factory PIN.
pub const FACTORY_PIN: &str = "123456";
/// The factory PUK.
pub const FACTORY_PUK: &str = "12345678";

/// The configuration of a token.
#[derive(Clone, Debug)]
pub struct Spec {
    pub serial: u32,
    /// The firmware version. Metadata exists from 5.3 on; AES-192 and MOVE KEY exist from 5.7 on.
    pub firmware: (u8, u8, u8),
    /// The PIN, 6 to 8 bytes.
    pub pin: String,
    /// The PUK, 6 to 8 bytes.
    pub puk: String,
    /// The state of the management key.
    pub management: Management,
    /// Whether and when a person touches the token.
    pub touch: Touch,
    /// How long the token waits for a touch. Without a touch in time, the token refuses the command with the status
    /// `6982`.
    pub touch_timeout: Duration,
    /// The root of the token's attestation certificates.
    pub authority: Authority,
}

impl Spec {
    /// Returns a token with firmware 5.4.3 in factory state. A person touches the token as soon as the token blinks.
    pub fn new(serial: u32) -> Self {
        Self {
            serial,
            firmware: (5, 4, 3),
            pin: FACTORY_PIN.into(),
            puk: FACTORY_PUK.into(),
            management: Management::Factory,
            touch: Touch::AtOnce,
            touch_timeout: Duration::from_secs(1),
            authority: Authority::Rig,
        }
    }
}

/// The state of a management key.
#[derive(Clone, Debug)]
pub enum Management {
    Factory,
    /// A random key that can be read with the PIN. Yubico's tools and age-plugin-yubikey set a management key of this
    /// kind.
    Protected,
    /// A custom key, which is not stored on the token.
    Custom(ManagementKey),
}

/// What the person does when the token blinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The person touches the token at once.
    AtOnce,
    /// The person touches the token after this time.
    After(Duration),
    /// The person does not touch the token. A test can call [`Token::touch`].
    Never,
}

/// A fault. Each injected fault happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The next command is answered with garbage.
    Garbage,
    /// The next private-key operation returns a well-formed but wrong result.
    WrongResult,
    /// The token is unplugged at the nth private-key operation from now. The next operation has the number 1.
    UnplugAtUse(u32),
}

/// The number of operations of a token since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The selections of the PIV applet. At each selection, the card forgets that the PIN was verified.
    pub selections: u32,
    /// The PIN verifications, including refused PINs. Queries of the tries left do not count.
    pub verifications: u32,
    pub signatures: u32,
    pub agreements: u32,
    pub touches_asked: u32,
}

/// A handle on one virtual YubiKey.
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
}

struct Shared {
    card: Mutex<Card>,
    changed: Condvar,
}

impl Token {
    /// Creates a token that is not in a reader.
    ///
    /// # Panics
    ///
    /// Panics if the PIN or the PUK has fewer than six or more than eight bytes.
    pub fn new(spec: Spec) -> Self {
        let card = Mutex::new(Card::new(spec));
        Self { shared: Arc::new(Shared { card, changed: Condvar::new() }) }
    }

    pub fn serial(&self) -> u32 {
        self.card().serial
    }

    /// Changes the serial number, so that the card becomes a different token with a different attestation.
    pub fn set_serial(&self, serial: u32) {
        self.card().rename(serial, Authority::Rig);
    }

    /// Returns the number of PIN tries left.
    pub fn pin_tries(&self) -> u8 {
        self.card().pin.left()
    }

    /// Returns the number of PUK tries left.
    pub fn puk_tries(&self) -> u8 {
        self.card().puk.left()
    }

    /// Returns the counts of the operations so far.
    pub fn counters(&self) -> Counters {
        self.card().counters
    }

    /// Sets the PIN, with all tries left.
    ///
    /// # Panics
    ///
    /// Panics if the PIN has fewer than six or more than eight bytes.
    pub fn set_pin(&self, pin: &str) {
        self.card().pin = pin::Pin::new(pin, FACTORY_PIN);
    }

    /// Sets the PUK, with all tries left.
    ///
    /// # Panics
    ///
    /// Panics if the PUK has fewer than six or more than eight bytes.
    pub fn set_puk(&self, puk: &str) {
        self.card().puk = pin::Pin::new(puk, FACTORY_PUK);
    }

    /// Uses up all PIN tries.
    pub fn block_pin(&self) {
        let mut card = self.card();
        card.pin.block();
        card.session.pin = false;
    }

    /// Uses up all PUK tries.
    pub fn block_puk(&self) {
        self.card().puk.block();
    }

    /// Returns whether `pin` is the current PIN. The check uses up no try.
    pub fn has_pin(&self, pin: &str) -> bool {
        self.card().pin.is(pin)
    }

    /// Returns whether `puk` is the current PUK. The check uses up no try.
    pub fn has_puk(&self, puk: &str) -> bool {
        self.card().puk.is(puk)
    }

    /// Returns the current management key.
    pub fn management_key(&self) -> ManagementKey {
        self.card().management.clone()
    }

    /// Returns whether there is a key in this slot.
    pub fn is_occupied(&self, slot: u8) -> bool {
        self.card().keys.contains_key(&slot)
    }

    /// Returns the slots that hold a key, including the slot of the attestation key (`F9`).
    pub fn occupied(&self) -> Vec<u8> {
        self.card().keys.keys().copied().collect()
    }

    /// Returns the private key in a slot. A real token never reveals a private key.
    pub fn private_key(&self, slot: u8) -> Option<SecretKey> {
        self.card().keys.get(&slot).map(|key| key.secret.clone())
    }

    pub fn public_key(&self, slot: u8) -> Option<PublicKey> {
        self.private_key(slot).map(|key| key.public_key())
    }

    /// Returns the PIN policy and the touch policy of the key in a slot.
    pub fn policies(&self, slot: u8) -> Option<(PinPolicy, TouchPolicy)> {
        self.card().keys.get(&slot).map(|key| (key.pin, key.touch))
    }

    /// Generates a key in a slot, and overwrites an existing key.
    ///
    /// # Panics
    ///
    /// Panics if there is no such slot.
    pub fn generate(&self, slot: u8, pin: PinPolicy, touch: TouchPolicy) -> PublicKey {
        assert!(slot::is_slot(slot), "{slot:02x} is not a slot");
        let key = slot::Key::generate(pin, touch);
        let public = key.secret.public_key();
        self.card().keys.insert(slot, key);
        public
    }

    /// Removes the key and the certificate from a slot.
    pub fn empty_slot(&self, slot: u8) {
        let mut card = self.card();
        card.keys.remove(&slot);
        if let Some(id) = slot::certificate_object(slot) {
            card.objects.remove(&id);
        }
    }

    /// Returns the data object with this identifier, such as `0x5fc102`. The result does not include the tag `53`,
    /// which wraps the object.
    pub fn object(&self, id: u32) -> Option<Vec<u8>> {
        self.card().objects.get(&id).cloned()
    }

    pub fn put_object(&self, id: u32, bytes: &[u8]) {
        self.card().objects.insert(id, bytes.to_vec());
    }

    /// Returns the certificate in a slot, in DER.
    pub fn certificate(&self, slot: u8) -> Option<Vec<u8>> {
        self.card().certificate(slot)
    }

    /// Stores a certificate, in DER, in a slot.
    ///
    /// # Panics
    ///
    /// Panics if there is no such slot.
    pub fn put_certificate(&self, slot: u8, der: &[u8]) {
        self.card().store_certificate(slot, der);
    }

    /// Returns the attestation of the key in a slot, in DER. Returns `None` if the slot is empty or the key was
    /// imported.
    pub fn attestation(&self, slot: u8) -> Option<Vec<u8>> {
        self.card().attestation(slot).ok()
    }

    /// Sets when a person touches the token. The setting also applies if the token is already blinking.
    pub fn set_touch(&self, touch: Touch) {
        self.card().touch = touch;
        self.shared.changed.notify_all();
    }

    /// Sets how long the token waits for a touch.
    pub fn set_touch_timeout(&self, timeout: Duration) {
        self.card().touch_timeout = timeout;
        self.shared.changed.notify_all();
    }

    /// Touches the token once. If the token does not blink, the touch has no effect.
    pub fn touch(&self) {
        let mut card = self.card();
        card.touched = card.blinking;
        self.shared.changed.notify_all();
    }

    /// Returns whether the token is waiting for a touch.
    pub fn is_blinking(&self) -> bool {
        self.card().blinking
    }

    /// Waits until the token blinks. Returns false if the token does not blink within `limit`.
    pub fn wait_blinking(&self, limit: Duration) -> bool {
        let wait = self.shared.changed.wait_timeout_while(self.card(), limit, |card| !card.blinking);
        let (card, _) = wait.unwrap_or_else(PoisonError::into_inner);
        card.blinking
    }

    /// Waits until the token has stopped blinking. Returns false if the token still blinks after `limit`.
    pub fn wait_steady(&self, limit: Duration) -> bool {
        let wait = self.shared.changed.wait_timeout_while(self.card(), limit, |card| card.blinking);
        let (card, _) = wait.unwrap_or_else(PoisonError::into_inner);
        !card.blinking
    }

    /// Returns the time of the last touch for which the token waited.
    pub fn touched_at(&self) -> Option<Instant> {
        self.card().touched_at
    }

    /// Returns the time from the last touch to the answer of the command that waited for the touch.
    pub fn touch_took(&self) -> Option<Duration> {
        self.card().touch_took
    }

    /// Adds a fault. Several faults can be pending at the same time.
    pub fn inject(&self, fault: Fault) {
        self.card().faults.push(fault);
    }

    /// Returns whether the token is in a reader.
    pub fn is_plugged(&self) -> bool {
        !self.card().unplugged
    }

    fn card(&self) -> MutexGuard<'_, Card> {
        self.shared.card.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Powers the token up in a reader.
    pub(crate) fn plug(&self) {
        let mut card = self.card();
        card.reset();
        card.unplugged = false;
    }

    /// Cuts the token's power, even in the middle of a command.
    pub(crate) fn unplug(&self) {
        self.card().unplugged = true;
        self.shared.changed.notify_all();
    }

    fn reset(&self) {
        self.card().reset();
    }

    /// Executes one command, and waits for touches. Returns `None` if the token is unplugged during the command.
    fn run(&self, command: &apdu::Command) -> Option<(Vec<u8>, status::Status)> {
        let mut card = self.card();
        if let Some(garbage) = card.garbage() {
            return Some((garbage, status::OK));
        }
        card.touched = false;
        loop {
            let answer = card.execute(command);
            if card.unplugged {
                return None;
            }
            match answer {
                Ok(data) => {
                    if card.touched {
                        card.touch_took = card.touched_at.map(|at| at.elapsed());
                    }
                    return Some((data, status::OK));
                }
                Err(Halt::Status(status)) => return Some((Vec::new(), status)),
                Err(Halt::Touch) => card = self.await_touch(card),
            }
            if card.unplugged {
                return None;
            }
            if !card.touched {
                card.session.pin_fresh = false;
                return Some((Vec::new(), status::NOT_SATISFIED));
            }
        }
    }

    /// Blinks until the token is touched, the timeout has passed, or the power is cut.
    fn await_touch<'a>(&self, mut card: MutexGuard<'a, Card>) -> MutexGuard<'a, Card> {
        let began = Instant::now();
        card.blinking = true;
        card.counters.touches_asked += 1;
        self.shared.changed.notify_all();
        loop {
            let waited = began.elapsed();
            card.touched |= match card.touch {
                Touch::AtOnce => true,
                Touch::After(delay) => waited >= delay,
                Touch::Never => false,
            };
            if card.touched || card.unplugged || waited >= card.touch_timeout {
                break;
            }
            let next = match card.touch {
                Touch::After(delay) => delay.min(card.touch_timeout),
                _ => card.touch_timeout,
            };
            let wait = self.shared.changed.wait_timeout(card, next.saturating_sub(waited));
            card = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        card.blinking = false;
        if card.touched {
            card.last_touch = Some(Instant::now());
            card.touched_at = card.last_touch;
        }
        self.shared.changed.notify_all();
        card
    }
}
