//! The readiness of a vault: the drills, each custodian's last use of token and words, the rotation of spent
//! credentials, and the overdue tasks.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::drills::{LastDrill, drills};
use crate::custody::statement::Statement;
use crate::custody::statement::approval::Approval;
use crate::gate::SessionId;
use crate::ledger::known_vault::KnownVault;
use crate::ledger::record::{Entry, Record, SharePurpose};
use crate::ledger::spent::{FoundUse, SpentBy, UnsignedUse, Uses};
use crate::vault::firmware::Firmware;
use crate::vault::manifest::Manifest;

/// The maximum age of the last complete drill: one quarter, counted as 92 days.
const QUARTER: SignedDuration = SignedDuration::from_hours(92 * 24);

/// How far the clock of another machine is allowed to be ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// The readiness of a vault, computed from the ledger's records and the manifest.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// The id of the vault.
    pub vault: String,
    pub credentials_epoch: u64,
    /// When this epoch of the vault was sealed. The vault's credentials were created when the vault was sealed, or
    /// earlier.
    pub sealed: Timestamp,
    /// The last opening or close for which a quorum released these credentials. After an opening or a close by a
    /// quorum, the credentials must be rotated. Only a use that a quorum signed counts.
    pub spent: Option<SpentBy>,
    /// Records of a use of these credentials that no quorum signed.
    pub unsigned_uses: Vec<UnsignedUse>,
    /// The number of shares that custodians gave for a close, or for a session without an intent. A share that was
    /// given counts as released until the credentials are rotated.
    pub released_shares: usize,
    /// The last drill for this vault.
    pub last_drill: Option<LastDrill>,
    /// When the last complete drill ended.
    pub last_complete_drill: Option<Timestamp>,
    /// When each custodian last proved possession of token and part. The proof consists of a signed approval and of a
    /// share that the custodian gave after the approval.
    pub custodians: Vec<CustodianProof>,
    /// The tokens whose firmware a security advisory affects.
    pub affected_tokens: Vec<AffectedToken>,
    /// The overdue tasks, as text for people.
    pub overdue: Vec<String>,
}

/// A custodian's last proof of possession of token and part.
#[derive(Clone, Debug, Serialize)]
pub struct CustodianProof {
    pub name: String,
    /// The time of the last proof. `None` if there is no proof.
    pub last_used: Option<Timestamp>,
}

/// A token whose firmware a security advisory affects.
#[derive(Clone, Debug, Serialize)]
pub struct AffectedToken {
    /// The name of the token's custodian.
    pub custodian: String,
    pub serial: u32,
    pub firmware: Firmware,
    pub advisory: &'static str,
}

fn affected_tokens(manifest: &Manifest) -> Vec<AffectedToken> {
    let tokens = manifest.custodians.iter().flat_map(|custodian| {
        custodian.tokens.iter().map(move |token| (custodian.name.clone(), token.serial, token.firmware))
    });
    let named = |(custodian, serial, firmware): (String, u32, Firmware)| {
        Some(AffectedToken { custodian, serial, firmware, advisory: firmware.advisory()? })
    };
    tokens.filter_map(named).collect()
}

impl Readiness {
    /// Returns the readiness of the vault at the time `now`.
    pub fn of(entries: &[Entry], manifest: &Manifest, now: Timestamp) -> Self {
        let FoundUse { counted: spent, unsigned: unsigned_uses, .. } =
            Uses::of(entries, &[KnownVault::in_use(manifest.clone())]).spent(manifest);
        let mut readiness = Self {
            vault: manifest.vault_id.clone(),
            credentials_epoch: manifest.credentials_epoch.into(),
            // The check of the manifest ensures that `created` is a timestamp.
            sealed: manifest.created.parse().unwrap_or(now),
            spent,
            unsigned_uses,
            released_shares: 0,
            last_drill: None,
            last_complete_drill: None,
            custodians: manifest
                .custodians
                .iter()
                .map(|custodian| CustodianProof { name: custodian.name.clone(), last_used: None })
                .collect(),
            affected_tokens: affected_tokens(manifest),
            overdue: Vec::new(),
        };
        // A statement proves nothing if its time is later than `latest`, because that time is in the future.
        let latest = now.saturating_add(AHEAD).unwrap_or(now);
        let mut given = Vec::new();
        for entry in entries {
            given.extend(readiness.share(entry));
        }
        let mut drills = drills(entries, manifest, latest);
        readiness.prove(entries, manifest, latest);
        let intended: HashSet<_> =
            entries.iter().filter_map(|entry| Some(entry.record.intent()?.session)).collect();
        given.retain(|(opened, _)| opened.is_none_or(|session| !intended.contains(&session)));
        readiness.released_shares = given.len();
        given.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
        given.dedup_by(|(_, a), (_, b)| a == b);
        let complete = drills.iter().rposition(|drill| drill.complete);
        readiness.last_complete_drill = complete.map(|place| drills[place].at);
        let since = &drills[complete.map_or(0, |place| place + 1)..];
        let failed = since.iter().any(|drill| !drill.passed);
        readiness.last_drill = drills.pop();
        readiness.overdue = readiness.tasks(given.len() >= manifest.threshold.get().into(), failed, now);
        readiness
    }

    /// Returns whether a complete drill was held in the last 92 days.
    pub fn is_drill_current(&self, now: Timestamp) -> bool {
        self.last_complete_drill.is_some_and(|drill| now.duration_since(drill) <= QUARTER)
    }

    /// Returns whether no task is overdue.
    pub fn is_ready(&self) -> bool {
        self.overdue.is_empty()
    }

    /// If the record is a share for these credentials, returns the session and the custodian. The session is `None` if
    /// the share was given for a close.
    fn share(&self, entry: &Entry) -> Option<(Option<SessionId>, String)> {
        let Record::Share { session, vault, credentials_epoch, custodian, purpose } = &entry.record else {
            return None;
        };
        let is_ours = *vault == self.vault && *credentials_epoch == self.credentials_epoch;
        let opened = session.filter(|_| *purpose == SharePurpose::Open);
        is_ours.then(|| (opened, custodian.clone()))
    }

    /// Sets the time of each custodian's last proof. A proof is an approval for this vault or for its drill vault. A
    /// token in the current manifest must have signed the approval, and the ledger must have the custodian's share for
    /// the same session.
    fn prove(&mut self, entries: &[Entry], manifest: &Manifest, latest: Timestamp) {
        let shares: HashSet<_> = entries
            .iter()
            .filter_map(|entry| match &entry.record {
                Record::Share { session: Some(session), custodian, purpose: SharePurpose::Open, .. } => {
                    Some((*session, custodian.as_str()))
                }
                _ => None,
            })
            .collect();
        // The approvals are sorted by their signed time, the latest first. The first valid approval of a custodian is
        // therefore the custodian's last proof, and the older approvals need not be verified.
        let said = |entry: &'_ Entry| {
            let Record::Approval { session, custodian, envelope, .. } = &entry.record else { return None };
            let Approval { signed: approved, request, .. } =
                Statement::<Approval>::read(envelope).ok()?.predicate;
            let is_ours = request.vault_id == self.vault || request.drill_of.as_ref() == Some(&self.vault);
            let fits = is_ours && request.session == *session && approved <= latest;
            (fits && shares.contains(&(*session, custodian.as_str()))).then_some(approved)
        };
        let mut approvals: Vec<_> =
            entries.iter().filter_map(|entry| Some((said(entry)?, &entry.record))).collect();
        approvals.sort_by_key(|(approved, _)| std::cmp::Reverse(*approved));
        for (approved, record) in approvals {
            let Record::Approval { custodian, envelope, .. } = record else { continue };
            let mut proofs = self.custodians.iter_mut().filter(|proof| proof.name == *custodian);
            let Some(proof) = proofs.next().filter(|proof| proof.last_used.is_none()) else { continue };
            let signer = Statement::<Approval>::signed(manifest, envelope);
            proof.last_used = signer.is_ok_and(|(signer, ..)| signer.name == *custodian).then_some(approved);
        }
    }

    /// Returns the overdue tasks. `exposed` is true if enough shares for a quorum were released. `failed` is true if a
    /// drill after the last complete drill failed.
    fn tasks(&self, exposed: bool, failed: bool, now: Timestamp) -> Vec<String> {
        let mut overdue = Vec::new();
        if let Some(by) = &self.spent {
            overdue.push(format!("rotate the credentials and reseal: {}", by.what()));
        } else if exposed {
            overdue.push(
                "rotate the credentials and reseal: a quorum of shares was given to close, or in attempts that opened nothing".into(),
            );
        }
        // The shares of a close that no quorum signed are already counted as released, so such a close needs no
        // separate task.
        for unsigned in self.unsigned_uses.iter().filter(|of| of.purpose == SharePurpose::Open) {
            overdue.push(format!(
                "check the ledgers with breakglass ledger verify and this vault: {}",
                unsigned.what()
            ));
        }
        if self.sealed > now.saturating_add(AHEAD).unwrap_or(now) {
            overdue.push("correct this machine's clock: the vault was sealed in the future".into());
        }
        if now.duration_since(self.last_complete_drill.unwrap_or(self.sealed)) > QUARTER {
            overdue.push("hold a drill: no complete, signed drill in the last 92 days".into());
        } else if failed {
            overdue.push("hold another drill: a drill since the last complete drill did not pass".into());
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::manifest::Lane;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn entry(time: &str, record: Record) -> Entry {
        Entry { v: 1, seq: 0, prev: String::new(), torn: None, at: at(time), record }
    }

    fn session(number: u8) -> SessionId {
        SessionId::from_bytes([number; 8])
    }

    /// Returns a manifest with the custodians alice, bob and carol, and the threshold 2.
    fn manifest() -> Manifest {
        let custodian = |name: &str| crate::vault::manifest::Custodian {
            commitment: None,
            enrolment: String::new(),
            enrolment_sha256: String::new(),
            fingerprint_checked: true,
            index: 1,
            name: name.into(),
            part: String::new(),
            tokens: Vec::new(),
        };
        Manifest {
            alerts: Vec::new(),
            created: "2026-09-01T00:00:00Z".into(),
            credentials_epoch: 2,
            custodians: ["alice", "bob", "carol"].map(custodian).into(),
            drill_of: None,
            epoch: 3,
            label: "prod".into(),
            lane: Lane::Gate,
            replaces: None,
            targets: Vec::new(),
            threshold: 2.try_into().expect("a threshold"),
            vault_id: "v".into(),
            version: 1,
        }
    }

    fn share(number: u8, custodian: &str, credentials_epoch: u64, purpose: SharePurpose) -> Record {
        let session = (purpose == SharePurpose::Open).then(|| session(number));
        Record::Share { session, vault: "v".into(), credentials_epoch, custodian: custodian.into(), purpose }
    }

    fn readiness(entries: &[Entry], now: &str) -> Readiness {
        Readiness::of(entries, &manifest(), at(now))
    }

    #[test]
    fn released_shares_are_counted_and_a_quorum_of_them_requires_rotation() {
        let now = "2026-11-02T00:00:00Z";
        let time = "2026-11-01T00:00:00Z";
        let one = [
            entry(time, share(1, "alice", 2, SharePurpose::Open)),
            entry(time, share(2, "alice", 2, SharePurpose::Open)),
            entry(time, share(3, "bob", 1, SharePurpose::Open)),
        ];
        let kept = readiness(&one, now);
        assert_eq!(
            (kept.released_shares, kept.is_ready()),
            (2, true),
            "alice gave two shares for these credentials"
        );
        assert!(
            kept.custodians.iter().all(|proof| proof.last_used.is_none()),
            "a record without a signature proves nothing"
        );
        for purpose in [SharePurpose::Open, SharePurpose::Close] {
            let two = [&one[..], &[entry(time, share(5, "bob", 2, purpose))]].concat();
            let exposed = readiness(&two, now);
            assert_eq!(exposed.released_shares, 3, "a share for a close should count as released");
            assert!(exposed.overdue[0].contains("rotate the credentials"), "{:?}", exposed.overdue);
            assert!(exposed.spent.is_none(), "records without signatures should not spend the credentials");
        }
    }
}
