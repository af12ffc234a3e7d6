//! The key commands: generate, import, use, metadata, attest.

use super::apdu::Command;
use super::attest::Statement;
use super::card::{Answer, Card, Halt};
use super::pins::{MANAGEMENT, template};
use super::slot::{self, Key, Origin, PinPolicy, TouchPolicy};
use super::status::{self, Status};
use super::tlv::{find, tlv};
use p256::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner};
use p256::{PublicKey, SecretKey};

/// The PIV algorithm identifier of P-256, the only algorithm that this token supports.
const P256: u8 = 0x11;

impl Card {
    /// Executes GENERATE ASYMMETRIC KEY PAIR (SP 800-73-4 part 2 §3.3.2), with Yubico's tags `AA` (PIN policy) and
    /// `AB` (touch policy).
    pub(super) fn generate(&mut self, command: &Command) -> Answer {
        self.require_management()?;
        let slot = writable(command.p2)?;
        let asked = find(0xac, &command.data).ok_or(status::WRONG_DATA)?;
        if find(0x80, asked) != Some(&[P256]) {
            return Err(status::WRONG_DATA.into());
        }
        let (pin, touch) = policies(asked, slot)?;
        let key = Key::generate(pin, touch);
        let answer = tlv(0x7f49, &tlv(0x86, &key.point()));
        self.keys.insert(slot, key);
        Ok(answer)
    }

    /// Executes IMPORT ASYMMETRIC KEY, with the private scalar under the tag `06`.
    pub(super) fn import(&mut self, command: &Command) -> Answer {
        self.require_management()?;
        let slot = writable(command.p2)?;
        let scalar = find(0x06, &command.data).filter(|_| command.p1 == P256).ok_or(status::WRONG_DATA)?;
        let secret = SecretKey::from_slice(scalar).map_err(|_| status::WRONG_DATA)?;
        let (pin, touch) = policies(&command.data, slot)?;
        self.keys.insert(slot, Key { secret, origin: Origin::Imported, pin, touch });
        Ok(Vec::new())
    }

    /// Executes MOVE KEY from slot P2 to slot P1, or DELETE KEY if P1 is `FF`. The command exists from firmware 5.7 on.
    pub(super) fn move_key(&mut self, command: &Command) -> Answer {
        if self.firmware < (5, 7, 0) {
            return Err(status::UNKNOWN_INSTRUCTION.into());
        }
        self.require_management()?;
        let (to, from) = (command.p1, writable(command.p2)?);
        let taken = to != 0xff && (from == slot::ATTESTATION || self.keys.contains_key(&writable(to)?));
        if taken {
            return Err(status::WRONG_P1_P2.into());
        }
        let key = self.keys.remove(&from).ok_or(status::NO_REFERENCE)?;
        if to != 0xff {
            self.keys.insert(to, key);
        }
        Ok(Vec::new())
    }

    /// Executes GENERAL AUTHENTICATE (SP 800-73-4 part 2 §3.2.4): a signature, a key agreement, or an authentication
    /// with the management key.
    pub(super) fn general_authenticate(&mut self, command: &Command) -> Answer {
        let template = template(command)?;
        if command.p2 == MANAGEMENT {
            return self.prove_management(command, template);
        }
        let key = self.keys.get(&command.p2).cloned().ok_or(status::WRONG_P1_P2)?;
        if command.p1 != P256 {
            return Err(status::WRONG_DATA.into());
        }
        let result = match (find(0x81, template), find(0x85, template)) {
            (Some(digest), None) => Use::Sign(left_padded(digest).ok_or(status::WRONG_DATA)?),
            (None, Some(point)) => {
                Use::Agree(PublicKey::from_sec1_bytes(point).map_err(|_| status::WRONG_DATA)?)
            }
            _ => return Err(status::WRONG_DATA.into()),
        };
        self.require_pin(key.pin)?;
        self.require_touch(key.touch)?;
        self.count_use();
        let value = match result {
            Use::Sign(digest) => {
                self.counters.signatures += 1;
                sign(&key.secret, &digest)
            }
            Use::Agree(peer) => {
                self.counters.agreements += 1;
                key.secret.diffie_hellman(&peer).raw_secret_bytes().to_vec()
            }
        };
        Ok(tlv(0x7c, &tlv(0x82, &self.spoiled(value))))
    }

    /// Executes GET METADATA for a slot, the PIN, the PUK or the management key. The command exists from firmware 5.3
    /// on.
    pub(super) fn metadata(&self, command: &Command) -> Answer {
        if self.firmware < (5, 3, 0) {
            return Err(status::UNKNOWN_INSTRUCTION.into());
        }
        if let Some(answer) = self.reference_metadata(command.p2) {
            return Ok(answer);
        }
        let key = self.keys.get(&command.p2).ok_or(status::NO_REFERENCE)?;
        let policies = [key.pin as u8, key.touch as u8];
        let parts = [
            tlv(1, &[P256]),
            tlv(2, &policies),
            tlv(3, &[key.origin as u8]),
            tlv(4, &tlv(0x86, &key.point())),
        ];
        Ok(parts.concat())
    }

    /// Executes ATTEST: returns a certificate for a key that was generated on the token.
    pub(super) fn attest(&self, command: &Command) -> Answer {
        Ok(self.attestation(command.p1)?)
    }

    pub(super) fn attestation(&self, slot: u8) -> Result<Vec<u8>, Status> {
        let attestation = self.keys.get(&slot::ATTESTATION).ok_or(status::NO_REFERENCE)?;
        let key = self.keys.get(&slot).ok_or(status::NO_REFERENCE)?;
        if key.origin != Origin::Generated {
            return Err(status::WRONG_DATA);
        }
        let statement = Statement {
            slot,
            key,
            serial: self.serial,
            firmware: self.firmware,
            form_factor: self.form_factor,
        };
        let issuer = self.certificate(slot::ATTESTATION).ok_or(status::NOT_FOUND)?;
        statement.certificate(&issuer, attestation).ok_or(status::WRONG_DATA)
    }

    /// Stores a certificate in PIV's format: in DER, not compressed, without an error code.
    pub(crate) fn store_certificate(&mut self, slot: u8, der: &[u8]) {
        let id = slot::certificate_object(slot).unwrap_or_else(|| panic!("{slot:02x} is not a slot"));
        self.objects.insert(id, [tlv(0x70, der), tlv(0x71, &[0]), tlv(0xfe, &[])].concat());
    }

    /// Returns the certificate in a slot, in DER.
    pub(crate) fn certificate(&self, slot: u8) -> Option<Vec<u8>> {
        let object = self.objects.get(&slot::certificate_object(slot)?)?;
        find(0x70, object).map(<[u8]>::to_vec)
    }
}

enum Use {
    Sign([u8; 32]),
    Agree(PublicKey),
}

fn sign(secret: &SecretKey, digest: &[u8]) -> Vec<u8> {
    let signature: Signature =
        SigningKey::from(secret).sign_prehash(digest).expect("a digest of 32 bytes should be signable");
    signature.to_der().as_bytes().to_vec()
}

/// Pads a digest that is shorter than the field with leading zeros.
fn left_padded(digest: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let start = out.len().checked_sub(digest.len()).filter(|_| !digest.is_empty())?;
    out[start..].copy_from_slice(digest);
    Some(out)
}

fn writable(slot: u8) -> Result<u8, Halt> {
    if slot::is_slot(slot) { Ok(slot) } else { Err(status::WRONG_SLOT.into()) }
}

fn policies(asked: &[u8], slot: u8) -> Result<(PinPolicy, TouchPolicy), Halt> {
    let byte = |tag| find(tag, asked).and_then(<[u8]>::first).copied();
    let pin = PinPolicy::asked(byte(0xaa), slot).ok_or(status::WRONG_DATA)?;
    let touch = TouchPolicy::asked(byte(0xab)).ok_or(status::WRONG_DATA)?;
    Ok((pin, touch))
}
