//! The signed statement of a review. A custodian's token signs the digest of the packet file. The format is DSSE with
//! an in-toto Statement v1.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::judge::finding::{FindingCounts, Severity};
use crate::custody::statement::{LedgerHead, Predicate, Signer, Statement, StatementError};
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::{Custodian, EnrolledToken, Manifest};
use crate::vault::names;

/// The largest packet that can be signed, in bytes.
pub const MAX_PACKET: usize = 256 * 1024 * 1024;

/// The largest number of findings: 2^53 − 1. A larger integer can differ from its spelling in canonical JSON (RFC 7493).
const MAX_FINDINGS: u64 = (1 << 53) - 1;

/// The predicate of a signed review. The subject of the statement is the packet's name and digest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewPredicate {
    pub custodian: String,
    pub enrolment: String,
    /// The number of findings in the packet.
    pub findings: u64,
    pub ledger: LedgerHead,
    /// The serial number of the token.
    pub serial: u32,
    pub session: SessionId,
    /// The time of signing, by the clock of the machine where the review was signed.
    pub signed: Timestamp,
    pub vault_id: String,
}

impl Predicate for ReviewPredicate {
    const TYPE: &'static str = "application/vnd.breakglass.review.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:review:v1";

    fn signer(&self) -> Signer<'_> {
        let Self { custodian, enrolment, serial, signed, .. } = self;
        Signer { custodian, enrolment, serial: *serial, signed: *signed }
    }

    fn check(&self) -> Result<(), &'static str> {
        self.ledger.check()?;
        if self.findings > MAX_FINDINGS {
            return Err("findings");
        }
        names::hex_of("vault_id", &self.vault_id, 16).map_err(|_| "vault_id")
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.vault_id == manifest.vault_id
    }
}

/// The facts from a packet file that become part of the signed statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PacketFile {
    /// The file name, without the directory.
    pub name: String,
    pub sha256: [u8; 32],
    pub session: SessionId,
    /// The id of the vault.
    pub vault: String,
    /// The number of findings of each severity.
    pub counts: FindingCounts,
}

impl PacketFile {
    /// Parses the bytes of a packet file.
    ///
    /// # Errors
    /// The error has the status `Usage` if the file is not a packet of version 1.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let not_a_packet = || Error::usage(format!("{name} is not a review packet of version 1"));
        let packet: Value = serde_json::from_slice(bytes).map_err(|_| not_a_packet())?;
        let text = |path: &str| packet.pointer(path).and_then(Value::as_str);
        let findings = packet["findings"].as_array().ok_or_else(not_a_packet)?;
        let severity = |finding: &Value| Severity::deserialize(&finding["severity"]);
        let severities: Vec<_> =
            findings.iter().map(severity).collect::<Result<_, _>>().map_err(|_| not_a_packet())?;
        if packet["v"] != 1 {
            return Err(not_a_packet());
        }
        Ok(Self {
            name: name.to_owned(),
            sha256: Sha256::digest(bytes).into(),
            session: text("/session/id").and_then(|id| id.parse().ok()).ok_or_else(not_a_packet)?,
            vault: text("/vault/id").ok_or_else(not_a_packet)?.to_owned(),
            counts: FindingCounts::of(severities.into_iter()),
        })
    }

    /// Returns the statement that the custodian's token signs. `signed` is the time of signing. `ledger` is the
    /// ledger's head.
    pub fn statement(
        &self,
        custodian: &Custodian,
        token: &EnrolledToken,
        (signed, ledger): (Timestamp, LedgerHead),
    ) -> Statement<ReviewPredicate> {
        let reviewed = ReviewPredicate {
            custodian: custodian.name.clone(),
            enrolment: custodian.enrolment.clone(),
            findings: self.counts.all(),
            ledger,
            serial: token.serial,
            session: self.session,
            signed,
            vault_id: self.vault.clone(),
        };
        Statement::of(&self.name, &self.sha256, reviewed)
    }
}

/// Reads the statement in an envelope. Checks that a token of a custodian in `manifest` signed the statement.
///
/// # Errors
/// See [`StatementError`].
pub fn verify(
    manifest: &Manifest,
    envelope: &Envelope,
) -> Result<Statement<ReviewPredicate>, StatementError> {
    Statement::signed_for(manifest, envelope)
}
