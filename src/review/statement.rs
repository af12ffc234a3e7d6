//! What closes a review: a custodian's token signs the digest of the packet's file (DSSE, in-toto Statement v1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::custody::statement::{LedgerHead, Predicate, Statement, signer};
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::{Custodian, Manifest, Token};

/// The longest packet that is signed, in bytes.
pub const MAX_PACKET: usize = 256 * 1024 * 1024;

/// What a custodian signs of a packet, which is the statement's subject by its name and digest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewPredicate {
    /// The custodian's name.
    pub custodian: String,
    /// Their enrolment's id.
    pub enrolment: String,
    /// How many findings the packet has.
    pub findings: u64,
    /// Where the ledger stood.
    pub ledger: LedgerHead,
    /// Their token's serial number.
    pub serial: u32,
    /// The session that was reviewed.
    pub session: SessionId,
    /// When, by the clock of the machine where it was signed.
    pub signed: Timestamp,
    /// The vault's id.
    pub vault_id: String,
}

impl Predicate for ReviewPredicate {
    const TYPE: &'static str = "application/vnd.breakglass.review.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:review:v1";
}

/// A packet's file as it is on the disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PacketFile {
    /// Its name, without its directory.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// The session that it is about.
    pub session: SessionId,
    /// The vault's id.
    pub vault: String,
    /// How many findings it has.
    pub findings: u64,
}

impl PacketFile {
    /// Of a packet's file: its bytes as they are, and what they say of themselves.
    ///
    /// # Errors
    /// Usage, when it is no packet of version 1.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let no_packet = || Error::usage(format!("{name} is no review packet of version 1"));
        let packet: Value = serde_json::from_slice(bytes).map_err(|_| no_packet())?;
        let text = |path: &str| packet.pointer(path).and_then(Value::as_str);
        let findings = packet["findings"].as_array().ok_or_else(no_packet)?;
        if packet["v"] != 1 {
            return Err(no_packet());
        }
        Ok(Self {
            name: name.to_owned(),
            sha256: Sha256::digest(bytes).into(),
            session: text("/session/id").and_then(|id| id.parse().ok()).ok_or_else(no_packet)?,
            vault: text("/vault/id").ok_or_else(no_packet)?.to_owned(),
            findings: findings.len() as u64,
        })
    }

    /// What this custodian's token signs of it, at `signed` and with the ledger at `ledger`.
    pub fn statement(
        &self,
        custodian: &Custodian,
        token: &Token,
        (signed, ledger): (Timestamp, LedgerHead),
    ) -> Statement<ReviewPredicate> {
        let reviewed = ReviewPredicate {
            custodian: custodian.name.clone(),
            enrolment: custodian.enrolment.clone(),
            findings: self.findings,
            ledger,
            serial: token.serial,
            session: self.session,
            signed,
            vault_id: self.vault.clone(),
        };
        Statement::of(&self.name, &self.sha256, reviewed)
    }
}

/// Reads what was signed, and checks that a token of a custodian of `manifest` signed it.
///
/// # Errors
/// In words.
pub fn verify(manifest: &Manifest, envelope: &Envelope) -> Result<Statement<ReviewPredicate>, String> {
    let statement = Statement::<ReviewPredicate>::read(envelope)?;
    let ReviewPredicate { custodian, enrolment, serial, vault_id, .. } = &statement.predicate;
    signer(manifest, (custodian, enrolment, *serial), envelope)?;
    if *vault_id == manifest.vault_id { Ok(statement) } else { Err("it is about another vault".into()) }
}
