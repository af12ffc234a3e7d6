//! The result of a drill, and the signed reviews of a session.

use jiff::Timestamp;
use serde::Serialize;

use super::approvals::SignatureCheck;
use super::evidence::Evidence;
use super::session_records::SessionRecords;
use crate::custody::statement::drill as evidence;
use crate::ledger::{Entry, Record, is_complete_drill};
use crate::review::statement::verify;
use crate::vault::manifest::Manifest;

/// The result of a drill.
#[derive(Clone, Debug, Serialize)]
pub struct DrillResult {
    pub at: Timestamp,
    /// Whether every step of the drill had the expected result.
    pub passed: bool,
    /// The names of the faults that the drill injected.
    pub injected: Vec<String>,
    /// The names of the custodians who gave a share.
    pub custodians: Vec<String>,
    /// Whether the drill was complete: a quorum approved and opened the drill vault, access was proven closed, and a
    /// custodian signed the result. `None` if the reviewer gave no vault.
    pub complete: Option<bool>,
    pub signature: SignatureCheck,
    pub evidence: Evidence,
}

/// A signed review.
#[derive(Clone, Debug, Serialize)]
pub struct SignedReview {
    pub at: Timestamp,
    pub custodian: String,
    pub signature: SignatureCheck,
    /// The serial number of the token. `None` if the signature is not verified.
    pub serial: Option<u32>,
    /// The file name of the signed packet. `None` if the signature is not verified.
    pub packet: Option<String>,
    /// SHA-256 of the signed packet, in hex. `None` if the signature is not verified.
    pub packet_sha256: Option<String>,
    pub evidence: Evidence,
}

impl DrillResult {
    pub(super) fn of(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Option<Self> {
        own.entries.iter().find_map(|entry| drill(entry, own, manifest))
    }
}

impl SignedReview {
    pub(super) fn all(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Vec<Self> {
        own.entries.iter().filter_map(|entry| review(entry, manifest)).collect()
    }
}

fn drill(entry: &Entry, own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Option<DrillResult> {
    let Record::Drill { session, passed, injected, custodians, envelope, .. } = &entry.record else {
        return None;
    };
    let checked = manifest.map(|manifest| {
        let said = envelope.as_ref().and_then(|envelope| evidence::verify(manifest, envelope).ok());
        let said = said
            .filter(|said| (said.session, said.passed, &said.custodians) == (*session, *passed, custodians));
        let is_complete = said.as_ref().map(|said| is_complete_drill(said, &own.entries, manifest));
        (said.is_some(), is_complete.unwrap_or(false))
    });
    let signature = SignatureCheck::of(checked.map(|(is_valid, _)| is_valid));
    let (injected, custodians) = (injected.clone(), custodians.clone());
    Some(DrillResult {
        at: entry.at,
        passed: *passed,
        injected,
        custodians,
        complete: checked.map(|(_, is_complete)| is_complete),
        signature,
        evidence: signature.evidence(),
    })
}

fn review(entry: &Entry, manifest: Option<&Manifest>) -> Option<SignedReview> {
    let Record::Review { custodian, envelope, session } = &entry.record else { return None };
    let statement = manifest.map(|manifest| verify(manifest, envelope));
    let statement = statement.map(|verified| {
        verified
            .ok()
            .filter(|said| (said.predicate.session, &said.predicate.custodian) == (*session, custodian))
    });
    let signature = SignatureCheck::of(statement.as_ref().map(Option::is_some));
    let statement = statement.flatten();
    Some(SignedReview {
        at: entry.at,
        custodian: custodian.clone(),
        signature,
        serial: statement.as_ref().map(|said| said.predicate.serial),
        packet: statement.as_ref().map(|said| said.subject().name.clone()),
        packet_sha256: statement.map(|said| said.subject().digest.sha256.clone()),
        evidence: signature.evidence(),
    })
}
