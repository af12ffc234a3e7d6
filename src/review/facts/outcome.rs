//! The result of a drill, and the signed reviews of a session.

use jiff::Timestamp;
use serde::Serialize;

use super::approvals::SignatureCheck;
use super::evidence::Evidence;
use super::session_records::SessionRecords;
use crate::custody::statement::drill as evidence;
use crate::ledger::{Entry, Record};
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
    /// SHA-256 of the signed packet, in hex. `None` if the signature is not verified.
    pub packet_sha256: Option<String>,
    pub evidence: Evidence,
}

impl DrillResult {
    pub(super) fn of(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Option<Self> {
        own.entries.iter().find_map(|entry| drill(entry, manifest))
    }
}

impl SignedReview {
    pub(super) fn all(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Vec<Self> {
        own.entries.iter().filter_map(|entry| review(entry, manifest)).collect()
    }
}

fn drill(entry: &Entry, manifest: Option<&Manifest>) -> Option<DrillResult> {
    let Record::Drill { session, passed, injected, custodians, envelope, .. } = &entry.record else {
        return None;
    };
    let is_valid = |manifest| {
        let said = envelope.as_ref().and_then(|envelope| evidence::verify(manifest, envelope).ok());
        said.is_some_and(|said| {
            (said.session, said.passed, &said.custodians) == (*session, *passed, custodians)
        })
    };
    let signature = SignatureCheck::of(manifest.map(is_valid));
    let (injected, custodians) = (injected.clone(), custodians.clone());
    Some(DrillResult {
        at: entry.at,
        passed: *passed,
        injected,
        custodians,
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
        packet_sha256: statement.map(|said| said.subject().digest.sha256.clone()),
        evidence: signature.evidence(),
    })
}
