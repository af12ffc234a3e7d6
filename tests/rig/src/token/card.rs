//! The card of a token: the state, and the execution of commands.

use super::apdu::Command;
use super::attest::Authority;
use super::management::{ManagementKey, Pending};
use super::pin::Pin;
use super::slot::{self, Key, PinPolicy, TouchPolicy};
use super::status::{self, Status};
use super::{Counters, Fault, Management, Spec, Touch};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The first bytes of the PIV application's identifier. Clients select the application with this identifier.
const PIV: &[u8] = &[0xa0, 0x00, 0x00, 0x03, 0x08];
const PIV_REST: &[u8] = &[0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
const DEVICE_MANAGEMENT: &[u8] = &[0xa0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];
/// How long one touch is valid for a key with the touch policy `Cached`.
const TOUCH_CACHE: Duration = Duration::from_secs(15);

/// The reason why a command does not return data.
pub(crate) enum Halt {
    /// The command is refused with this status.
    Status(Status),
    /// The command waits for a touch, and must be executed again after the touch.
    Touch,
}

impl From<Status> for Halt {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// The data of an answer, or the reason why there is no data.
pub(crate) type Answer = Result<Vec<u8>, Halt>;

/// An application of the token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Applet {
    Piv,
    DeviceManagement,
}

/// The state that is cleared at power-off, reset and SELECT.
#[derive(Default)]
pub(crate) struct Session {
    applet: Option<Applet>,
    /// Whether the PIN was verified.
    pub pin: bool,
    /// Whether the previous command verified the PIN.
    pub pin_fresh: bool,
    /// Whether the client has authenticated with the management key.
    pub managed: bool,
    /// The state after the first half of an authentication with the management key.
    pub pending: Option<Pending>,
}

/// The state of one token.
pub(crate) struct Card {
    pub serial: u32,
    pub firmware: (u8, u8, u8),
    pub form_factor: u8,
    pub pin: Pin,
    pub puk: Pin,
    pub management: ManagementKey,
    pub management_touch: TouchPolicy,
    pub keys: BTreeMap<u8, Key>,
    pub objects: BTreeMap<u32, Vec<u8>>,
    pub session: Session,
    pub counters: Counters,
    pub faults: Vec<Fault>,
    pub touch: Touch,
    pub touch_timeout: Duration,
    pub last_touch: Option<Instant>,
    /// The time of the last touch. `touch_took` is the duration from this touch to the command's answer. A reset of the
    /// card keeps `touched_at` and `touch_took`.
    pub touched_at: Option<Instant>,
    pub touch_took: Option<Duration>,
    /// Whether the token was touched for the current command.
    pub touched: bool,
    /// Whether the card is waiting for a touch.
    pub blinking: bool,
    /// Whether the token is not in a reader.
    pub unplugged: bool,
}

impl Card {
    pub fn new(spec: Spec) -> Self {
        let attestation = Key::generate(PinPolicy::Never, TouchPolicy::Never);
        let intermediate = spec.authority.intermediate(&attestation, spec.serial, spec.firmware);
        let mut card = Self {
            serial: spec.serial,
            firmware: spec.firmware,
            form_factor: 1,
            pin: Pin::new(&spec.pin, super::FACTORY_PIN),
            puk: Pin::new(&spec.puk, super::FACTORY_PUK),
            management: ManagementKey::factory(spec.firmware),
            management_touch: TouchPolicy::Never,
            keys: BTreeMap::from([(slot::ATTESTATION, attestation)]),
            objects: BTreeMap::new(),
            session: Session::default(),
            counters: Counters::default(),
            faults: Vec::new(),
            touch: spec.touch,
            touch_timeout: spec.touch_timeout,
            last_touch: None,
            touched_at: None,
            touch_took: None,
            touched: false,
            blinking: false,
            unplugged: true,
        };
        card.store_certificate(slot::ATTESTATION, &intermediate);
        match spec.management {
            Management::Factory => {}
            Management::Protected => card.protect_management_key(),
            Management::Custom(key) => card.management = key,
        }
        card
    }

    /// Clears the session, as at power-off, reset or insertion.
    pub fn reset(&mut self) {
        self.session = Session::default();
        self.last_touch = None;
    }

    /// Executes one command. Returns [`Halt`] if the command waits for a touch or is refused.
    pub fn execute(&mut self, command: &Command) -> Answer {
        if command.ins == 0xa4 {
            return self.select(command);
        }
        match self.session.applet {
            Some(Applet::Piv) => self.piv(command),
            Some(Applet::DeviceManagement) => self.device_management(command),
            None => Err(status::UNKNOWN_INSTRUCTION.into()),
        }
    }

    fn select(&mut self, command: &Command) -> Answer {
        let (applet, answer) = match &command.data[..] {
            aid if is_piv(aid) => (Applet::Piv, super::objects::application_template()),
            DEVICE_MANAGEMENT => (Applet::DeviceManagement, self.device_greeting()),
            _ => return Err(status::NOT_FOUND.into()),
        };
        self.counters.selections += u32::from(applet == Applet::Piv);
        self.session = Session { applet: Some(applet), ..Session::default() };
        Ok(answer)
    }

    fn piv(&mut self, command: &Command) -> Answer {
        let fresh = self.session.pin_fresh;
        let answer = match command.ins {
            0x20 => return self.verify(command),
            0x24 => self.change_reference(command),
            0x2c => self.reset_retry_counter(command),
            0x47 => self.generate(command),
            0x87 => self.general_authenticate(command),
            0xcb => self.get_data(command),
            0xdb => self.put_data(command),
            0xf6 => self.move_key(command),
            0xf7 => self.metadata(command),
            0xf8 => Ok(self.serial.to_be_bytes().to_vec()),
            0xf9 => self.attest(command),
            0xfa => self.set_tries(command),
            0xfb => self.factory_reset(),
            0xfd => Ok(vec![self.firmware.0, self.firmware.1, self.firmware.2]),
            0xfe => self.import(command),
            0xff => self.set_management_key(command),
            _ => Err(status::UNKNOWN_INSTRUCTION.into()),
        };
        // A command that waits for a touch is executed again later. When the command is repeated, the PIN must still
        // count as verified immediately before the command.
        self.session.pin_fresh = fresh && matches!(answer, Err(Halt::Touch));
        answer
    }

    /// Refuses a command unless the client has authenticated with the management key.
    pub fn require_management(&self) -> Result<(), Halt> {
        if self.session.managed { Ok(()) } else { Err(status::NOT_SATISFIED.into()) }
    }

    /// Refuses a command unless the PIN was verified as `policy` requires.
    pub fn require_pin(&self, policy: PinPolicy) -> Result<(), Halt> {
        let met = match policy {
            PinPolicy::Never => true,
            PinPolicy::Once => self.session.pin,
            PinPolicy::Always => self.session.pin && self.session.pin_fresh,
        };
        if met { Ok(()) } else { Err(status::NOT_SATISFIED.into()) }
    }

    /// Returns [`Halt::Touch`] until the token was touched as `policy` requires.
    pub fn require_touch(&mut self, policy: TouchPolicy) -> Result<(), Halt> {
        let cached = self.last_touch.is_some_and(|at| at.elapsed() < TOUCH_CACHE);
        match policy {
            TouchPolicy::Never => Ok(()),
            TouchPolicy::Cached if cached => Ok(()),
            _ if std::mem::take(&mut self.touched) => Ok(()),
            _ => Err(Halt::Touch),
        }
    }

    /// Resets everything to factory state, except the serial number, the firmware and the attestation key.
    pub fn return_to_factory(&mut self) {
        self.pin.reset(3);
        self.puk.reset(3);
        self.management = ManagementKey::factory(self.firmware);
        self.management_touch = TouchPolicy::Never;
        self.keys.retain(|&slot, _| slot == slot::ATTESTATION);
        self.objects.retain(|&id, _| Some(id) == slot::certificate_object(slot::ATTESTATION));
        self.session = Session { applet: self.session.applet, ..Session::default() };
    }

    /// Sets a different serial number and a matching attestation, as if the card were a different token.
    pub fn rename(&mut self, serial: u32, authority: Authority) {
        self.serial = serial;
        let intermediate =
            self.keys.get(&slot::ATTESTATION).map(|key| authority.intermediate(key, serial, self.firmware));
        if let Some(intermediate) = intermediate {
            self.store_certificate(slot::ATTESTATION, &intermediate);
        }
    }
}

fn is_piv(aid: &[u8]) -> bool {
    aid.strip_prefix(PIV).is_some_and(|rest| PIV_REST.starts_with(rest))
}
