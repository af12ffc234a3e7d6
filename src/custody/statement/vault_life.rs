//! The signed statements that custodians make between sessions: about a verified share and about a reseal. The
//! subject of both statements is the vault file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Predicate, Signer, form};
use crate::vault::manifest::Manifest;

/// The statement that a custodian verified their share. The custodian opened the share with words and token, and the
/// share matched its commitment. This verification needs no other custodian.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShareVerified {
    /// The custodian's name.
    pub custodian: String,
    /// The ID of the custodian's enrolment.
    pub enrolment: String,
    /// The epoch of the vault: a number that each reseal raises.
    pub epoch: u32,
    /// The serial number of the custodian's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine that the token is plugged into.
    pub signed: Timestamp,
    /// The vault's ID.
    pub vault_id: String,
}

/// The statement that a custodian took part in a reseal, in which this vault replaced an earlier vault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Resealed {
    /// The epoch of the credentials in the new vault: a number that a reseal with new credentials raises.
    pub credentials_epoch: u32,
    /// The custodian's name.
    pub custodian: String,
    /// The ID of the custodian's enrolment.
    pub enrolment: String,
    /// The epoch of the new vault.
    pub epoch: u32,
    /// SHA-256 of the vault file that was replaced, as hex.
    pub replaces: String,
    /// The serial number of the custodian's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine that the token is plugged into.
    pub signed: Timestamp,
    /// The vault's ID.
    pub vault_id: String,
}

impl Predicate for ShareVerified {
    const TYPE: &'static str = "application/vnd.breakglass.verify.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:verify:v1";

    fn signer(&self) -> Signer<'_> {
        let Self { custodian, enrolment, serial, signed, .. } = self;
        Signer { custodian, enrolment, serial: *serial, signed: *signed }
    }

    fn check(&self) -> Result<(), &'static str> {
        form::epoch("epoch", self.epoch)?;
        form::hex("vault_id", &self.vault_id, 16)
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.vault_id == manifest.vault_id && self.epoch == manifest.epoch
    }
}

impl Predicate for Resealed {
    const TYPE: &'static str = "application/vnd.breakglass.reseal.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:reseal:v1";

    fn signer(&self) -> Signer<'_> {
        let Self { custodian, enrolment, serial, signed, .. } = self;
        Signer { custodian, enrolment, serial: *serial, signed: *signed }
    }

    fn check(&self) -> Result<(), &'static str> {
        form::epoch("credentials_epoch", self.credentials_epoch)?;
        form::epoch("epoch", self.epoch)?;
        form::hex("replaces", &self.replaces, 32)?;
        form::hex("vault_id", &self.vault_id, 16)
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.vault_id == manifest.vault_id
            && (self.epoch, self.credentials_epoch) == (manifest.epoch, manifest.credentials_epoch)
            && Some(&self.replaces) == manifest.replaces.as_ref()
    }
}
