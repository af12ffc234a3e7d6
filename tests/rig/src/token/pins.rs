//! The commands for PIN, PUK and management key.

use super::apdu::Command;
use super::card::{Answer, Card, Halt};
use super::management::{self, Cipher, ManagementKey, Outcome};
use super::pin;
use super::slot::TouchPolicy;
use super::status;
use super::tlv::{find, tlv};

/// The key references of the PIN, the PUK and the management key.
const PIN: u8 = 0x80;
const PUK: u8 = 0x81;
pub(crate) const MANAGEMENT: u8 = 0x9b;

impl Card {
    /// Executes VERIFY (SP 800-73-4 part 2 §3.2.1): tries the PIN in the data. Without data, the command logs out if P1
    /// is `FF`, and reports the tries left otherwise.
    pub(super) fn verify(&mut self, command: &Command) -> Answer {
        self.session.pin_fresh = false;
        match (command.p1, command.p2, &command.data[..]) {
            (0x00, PIN, []) if self.session.pin => Ok(Vec::new()),
            (0x00, PIN, []) => Err(self.pin.query().into()),
            (0xff, PIN, []) => {
                self.session.pin = false;
                Ok(Vec::new())
            }
            (0x00, PIN, candidate) => {
                if candidate.len() != pin::LEN {
                    return Err(status::WRONG_DATA.into());
                }
                self.counters.verifications += 1;
                self.session.pin = false;
                self.pin.check(candidate)?;
                self.session.pin = true;
                self.session.pin_fresh = true;
                Ok(Vec::new())
            }
            _ => Err(status::NO_REFERENCE.into()),
        }
    }

    /// Executes CHANGE REFERENCE DATA (SP 800-73-4 part 2 §3.2.2). The data is the old value followed by the new value.
    pub(super) fn change_reference(&mut self, command: &Command) -> Answer {
        let (old, new) = two_values(command)?;
        let secret = match command.p2 {
            PIN => {
                self.session.pin = false;
                &mut self.pin
            }
            PUK => &mut self.puk,
            _ => return Err(status::NO_REFERENCE.into()),
        };
        secret.check(old)?;
        secret.set(new)?;
        Ok(Vec::new())
    }

    /// Executes RESET RETRY COUNTER (SP 800-73-4 part 2 §3.2.3), with the PUK followed by a new PIN.
    pub(super) fn reset_retry_counter(&mut self, command: &Command) -> Answer {
        let (puk, new) = two_values(command)?;
        if command.p2 != PIN {
            return Err(status::NO_REFERENCE.into());
        }
        self.puk.check(puk)?;
        self.pin.set(new)?;
        Ok(Vec::new())
    }

    /// Executes SET PIN RETRIES: sets new limits, and resets PIN and PUK to the factory values.
    pub(super) fn set_tries(&mut self, command: &Command) -> Answer {
        self.require_management()?;
        if !self.session.pin {
            return Err(status::NOT_SATISFIED.into());
        }
        if command.p1 == 0 || command.p2 == 0 {
            return Err(status::WRONG_DATA.into());
        }
        self.pin.reset(command.p1);
        self.puk.reset(command.p2);
        Ok(Vec::new())
    }

    /// Executes RESET, which is accepted only if PIN and PUK are both blocked.
    pub(super) fn factory_reset(&mut self) -> Answer {
        if self.pin.left() > 0 || self.puk.left() > 0 {
            return Err(status::CONDITIONS.into());
        }
        self.return_to_factory();
        Ok(Vec::new())
    }

    /// Executes GENERAL AUTHENTICATE with the management key.
    pub(super) fn prove_management(&mut self, command: &Command, template: &[u8]) -> Answer {
        if Cipher::from_id(command.p1) != Some(self.management.cipher) && command.p1 != 0 {
            return Err(status::WRONG_P1_P2.into());
        }
        if self.session.pending.is_some() {
            self.require_touch(self.management_touch)?;
        }
        let pending = self.session.pending.take();
        match management::authenticate(&self.management, pending, template)? {
            Outcome::Begun(answer, pending) => {
                self.session.pending = Some(pending);
                Ok(answer)
            }
            Outcome::Proved(answer) => {
                self.session.managed = true;
                Ok(answer)
            }
        }
    }

    /// Executes SET MANAGEMENT KEY, with cipher, key reference, length and key. If P2 is `FE`, each use of the key
    /// requires a touch.
    pub(super) fn set_management_key(&mut self, command: &Command) -> Answer {
        self.require_management()?;
        let touch = match (command.p1, command.p2) {
            (0xff, 0xff) => TouchPolicy::Never,
            (0xff, 0xfe) => TouchPolicy::Always,
            (0xff, 0xfd) => TouchPolicy::Cached,
            _ => return Err(status::WRONG_P1_P2.into()),
        };
        let [cipher, MANAGEMENT, len, ref key @ ..] = command.data[..] else {
            return Err(status::WRONG_DATA.into());
        };
        let cipher = Cipher::from_id(cipher).ok_or(status::WRONG_DATA)?;
        if key.len() != usize::from(len) || key.len() != cipher.key_len() {
            return Err(status::WRONG_DATA.into());
        }
        self.management = ManagementKey { cipher, key: key.to_vec() };
        self.management_touch = touch;
        Ok(Vec::new())
    }

    /// Generates a management key that can be read with the PIN, and stores the key as Yubico's tools do.
    pub(super) fn protect_management_key(&mut self) {
        self.management = ManagementKey::random(Cipher::factory(self.firmware));
        let protected = tlv(0x88, &tlv(0x89, &self.management.key));
        self.objects.insert(super::objects::PRINTED, protected);
        self.objects.insert(super::objects::ADMIN, tlv(0x80, &tlv(0x81, &[0x02])));
    }

    /// Returns the metadata of the PIN, the PUK or the management key.
    pub(super) fn reference_metadata(&self, reference: u8) -> Option<Vec<u8>> {
        let (algorithm, rest, factory) = match reference {
            PIN => (0xff, tlv(6, &[self.pin.limit(), self.pin.left()]), self.pin.is_factory()),
            PUK => (0xff, tlv(6, &[self.puk.limit(), self.puk.left()]), self.puk.is_factory()),
            MANAGEMENT => (
                self.management.cipher as u8,
                tlv(2, &[0, self.management_touch as u8]),
                self.management == ManagementKey::factory(self.firmware),
            ),
            _ => return None,
        };
        let mut parts = [tlv(1, &[algorithm]), tlv(5, &[u8::from(factory)]), rest];
        parts.sort();
        Some(parts.concat())
    }
}

/// Returns the template of a GENERAL AUTHENTICATE command. Refuses a malformed command.
pub(super) fn template(command: &Command) -> Result<&[u8], Halt> {
    Ok(find(0x7c, &command.data).ok_or(status::WRONG_DATA)?)
}

fn two_values(command: &Command) -> Result<(&[u8], &[u8]), Halt> {
    if command.p1 != 0 || command.data.len() != 2 * pin::LEN {
        return Err(status::WRONG_DATA.into());
    }
    Ok(command.data.split_at(pin::LEN))
}
