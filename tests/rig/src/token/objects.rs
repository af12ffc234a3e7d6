//! The commands for data objects, and the information that both applets return.

use super::apdu::Command;
use super::card::{Answer, Card};
use super::status;
use super::tlv::{find, group, tlv};

/// Yubico's administrative data: flags, salt, time stamp.
pub(crate) const ADMIN: u32 = 0x5f_ff00;
/// The data object *Printed Information*, in which tools store a protected management key. The object can be read only
/// after the PIN was verified.
pub(crate) const PRINTED: u32 = 0x5f_c109;
/// The objects that can be read only after the PIN was verified: fingerprints, facial image, printed information,
/// iris images.
const GUARDED: [u32; 4] = [0x5f_c103, 0x5f_c108, PRINTED, 0x5f_c121];
/// The discovery object's one-byte tag.
const DISCOVERY: u32 = 0x7e;
/// The applications of the device: only PIV.
const PIV_ONLY: &[u8] = &[0x00, 0x10];
/// The longest object, in bytes.
const OBJECT_MAX: usize = 3063;

const PIV_AID: &[u8] = &[0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];

impl Card {
    /// Executes GET DATA (SP 800-73-4 part 2 §3.1.2).
    pub(super) fn get_data(&self, command: &Command) -> Answer {
        let id = object_id(command).ok_or(status::WRONG_DATA)?;
        if id == DISCOVERY {
            return Ok(group(0x7e, &[&tlv(0x4f, PIV_AID), &tlv(0x5f2f, &[0x40, 0x00])]));
        }
        if GUARDED.contains(&id) && !self.session.pin {
            return Err(status::NOT_SATISFIED.into());
        }
        let object = self.objects.get(&id).ok_or(status::NOT_FOUND)?;
        Ok(tlv(0x53, object))
    }

    /// Executes PUT DATA (SP 800-73-4 part 2 §3.3.1). Empty data deletes the object.
    pub(super) fn put_data(&mut self, command: &Command) -> Answer {
        self.require_management()?;
        let id = object_id(command).ok_or(status::WRONG_DATA)?;
        let object = find(0x53, &command.data).ok_or(status::WRONG_DATA)?;
        if object.len() > OBJECT_MAX {
            return Err(status::NO_SPACE.into());
        }
        if object.is_empty() {
            self.objects.remove(&id);
        } else {
            self.objects.insert(id, object.to_vec());
        }
        Ok(Vec::new())
    }

    /// Returns the answer of the device management applet to SELECT.
    pub(super) fn device_greeting(&self) -> Vec<u8> {
        let (major, minor, patch) = self.firmware;
        format!("Virtual mgr - FW version {major}.{minor}.{patch}").into_bytes()
    }

    /// Executes READ CONFIG of the device management applet, which reports that only PIV is enabled.
    pub(super) fn device_management(&self, command: &Command) -> Answer {
        if command.ins != 0x1d {
            return Err(status::UNKNOWN_INSTRUCTION.into());
        }
        let (major, minor, patch) = self.firmware;
        let config = [
            tlv(1, PIV_ONLY),
            tlv(2, &self.serial.to_be_bytes()),
            tlv(3, PIV_ONLY),
            tlv(4, &[self.form_factor]),
            tlv(5, &[major, minor, patch]),
            tlv(6, &[0, 0]),
            tlv(7, &[15]),
            tlv(8, &[0]),
            tlv(10, &[0]),
        ]
        .concat();
        let len = u8::try_from(config.len()).expect("the configuration should be shorter than 256 bytes");
        Ok([&[len], &config[..]].concat())
    }
}

/// Returns the application property template, which is the answer to SELECT (SP 800-73-4 part 2 §3.1.1).
pub(crate) fn application_template() -> Vec<u8> {
    let (authority, application) = PIV_AID.split_at(5);
    group(0x61, &[&tlv(0x4f, application), &tlv(0x79, &tlv(0x4f, authority))])
}

fn object_id(command: &Command) -> Option<u32> {
    let id = find(0x5c, &command.data).filter(|_| (command.p1, command.p2) == (0x3f, 0xff))?;
    match *id {
        [a] => Some(u32::from(a)),
        [a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    }
}
