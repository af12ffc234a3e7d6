//! What keeps a vault fit: drills, proofs of its custodians, rotation after use; and what of it is overdue.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::custody::approval::{self, Approval};
use crate::custody::drill as evidence;
use crate::custody::statement::Statement;
use crate::gate::SessionId;
use crate::ledger::record::{Entry, Record, SharePurpose};
use crate::vault::manifest::Manifest;

/// A drill every quarter.
const QUARTER: SignedDuration = SignedDuration::from_hours(92 * 24);

/// How far another machine's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// How a vault is kept, as far as these records and its manifest know.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// The vault's id.
    pub vault: String,
    /// The epoch of its credentials.
    pub credentials_epoch: u64,
    /// Since when the vault is sealed as it is: its credentials are at least as old.
    pub sealed: Timestamp,
    /// The last session that opened these credentials, or meant to: they are to be rotated.
    pub spent: Option<SpentBy>,
    /// Shares that were given for openings which came to nothing; they stay shares until rotation.
    pub released: usize,
    /// The last drill for this vault.
    pub last_drill: Option<LastDrill>,
    /// When the last whole one was.
    pub practised: Option<Timestamp>,
    /// When each custodian last proved token and part: by a signed approval, and a share after it.
    pub custodians: Vec<CustodianProof>,
    /// What is to be done now, in words; empty when nothing is.
    pub overdue: Vec<String>,
}

/// A session and when it was.
#[derive(Clone, Debug, Serialize)]
pub struct SpentBy {
    /// Which.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
}

/// A drill.
#[derive(Clone, Debug, Serialize)]
pub struct LastDrill {
    /// Its session.
    pub session: SessionId,
    /// When it was over.
    pub at: Timestamp,
    /// Everything went as it has to.
    pub passed: bool,
    /// A custodian's token has signed that.
    pub signed: bool,
    /// A quorum opened it and it was proven shut, and that is signed: this is what is due every quarter.
    pub whole: bool,
}

/// A custodian's last proof.
#[derive(Clone, Debug, Serialize)]
pub struct CustodianProof {
    /// Who.
    pub name: String,
    /// When, if ever.
    pub last: Option<Timestamp>,
}

impl Readiness {
    /// Of this vault, at `now`.
    pub fn of(entries: &[Entry], manifest: &Manifest, now: Timestamp) -> Self {
        let mut upkeep = Self {
            vault: manifest.vault_id.clone(),
            credentials_epoch: manifest.credentials_epoch.into(),
            // Checked with the manifest.
            sealed: manifest.created.parse().unwrap_or(now),
            spent: None,
            released: 0,
            last_drill: None,
            practised: None,
            custodians: manifest
                .custodians
                .iter()
                .map(|custodian| CustodianProof { name: custodian.name.clone(), last: None })
                .collect(),
            overdue: Vec::new(),
        };
        // What is dated later than any clock may be wrong is no proof of anything.
        let latest = now.saturating_add(AHEAD).unwrap_or(now);
        let mut given = Vec::new();
        let mut drills: Vec<LastDrill> = Vec::new();
        for entry in entries {
            upkeep.take(entry, &mut given);
            drills.extend(drill(entry, manifest, latest));
        }
        upkeep.prove(entries, manifest, latest);
        // By the time that was signed, whichever machine's ledger they are in; each once.
        drills.sort_by_key(|drill| (drill.at, drill.signed));
        let mut seen = HashSet::new();
        drills.retain(|drill| seen.insert((drill.session, drill.signed)));
        let intended: HashSet<_> =
            entries.iter().filter_map(|entry| Some(entry.record.intent()?.session)).collect();
        given.retain(|(session, _)| session.is_none_or(|session| !intended.contains(&session)));
        upkeep.released = given.len();
        given.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
        given.dedup_by(|(_, a), (_, b)| a == b);
        let whole = drills.iter().rposition(|drill| drill.whole);
        upkeep.practised = whole.map(|whole| drills[whole].at);
        let since = &drills[whole.map_or(0, |whole| whole + 1)..];
        let failed = since.iter().any(|drill| !drill.passed);
        upkeep.last_drill = drills.pop();
        upkeep.overdue = upkeep.judge(given.len() >= manifest.threshold.get().into(), failed, now);
        upkeep
    }

    /// Whether a whole drill was held within the last quarter.
    pub fn is_practised(&self, now: Timestamp) -> bool {
        self.practised.is_some_and(|practised| now.duration_since(practised) <= QUARTER)
    }

    /// Whether nothing is to be done.
    pub fn is_well(&self) -> bool {
        self.overdue.is_empty()
    }

    /// `given`: shares of these credentials, with the session and the custodian.
    fn take(&mut self, entry: &Entry, given: &mut Vec<(Option<SessionId>, String)>) {
        let own = |vault: &String, epoch: u64| *vault == self.vault && epoch == self.credentials_epoch;
        match &entry.record {
            Record::Intent { session, vault, credentials_epoch, .. } if own(vault, *credentials_epoch) => {
                self.spent = Some(SpentBy { session: *session, at: entry.at });
            }
            Record::Share { session, vault, credentials_epoch, custodian, to: SharePurpose::Open }
                if own(vault, *credentials_epoch) =>
            {
                given.push((*session, custodian.clone()));
            }
            _ => {}
        }
    }

    /// A custodian has proven token and part whose token, as it is enrolled now, has signed an approval, for this vault or
    /// for a drill of it, and whose share is on record after it.
    fn prove(&mut self, entries: &[Entry], manifest: &Manifest, latest: Timestamp) {
        let shares: HashSet<_> = entries
            .iter()
            .filter_map(|entry| match &entry.record {
                Record::Share { session: Some(session), custodian, .. } => {
                    Some((*session, custodian.as_str()))
                }
                _ => None,
            })
            .collect();
        // By what each says of itself, the latest first: the first that holds is the last proof, and no other is verified.
        let said = |entry: &'_ Entry| {
            let Record::Approval { session, custodian, envelope, .. } = &entry.record else { return None };
            let Approval { approved, request, .. } = Statement::<Approval>::read(envelope).ok()?.predicate;
            let own = request.vault_id == self.vault || request.drill_of.as_ref() == Some(&self.vault);
            let fits = own && request.session == *session && approved <= latest;
            (fits && shares.contains(&(*session, custodian.as_str()))).then_some(approved)
        };
        let mut approvals: Vec<_> =
            entries.iter().filter_map(|entry| Some((said(entry)?, &entry.record))).collect();
        approvals.sort_by_key(|(approved, _)| std::cmp::Reverse(*approved));
        for (approved, record) in approvals {
            let Record::Approval { custodian, envelope, .. } = record else { continue };
            let mut proofs = self.custodians.iter_mut().filter(|proof| proof.name == *custodian);
            let Some(proof) = proofs.next().filter(|proof| proof.last.is_none()) else { continue };
            let signer = approval::verify(manifest, envelope);
            proof.last = signer.is_ok_and(|(signer, ..)| signer.name == *custodian).then_some(approved);
        }
    }

    /// `exposed`: so many shares were given in vain that they would open it. `failed`: a drill since the last whole one did
    /// not pass.
    fn judge(&self, exposed: bool, failed: bool, now: Timestamp) -> Vec<String> {
        let mut overdue = Vec::new();
        if let Some(SpentBy { session, .. }) = &self.spent {
            overdue.push(format!("rotate the credentials and seal anew: session {session} has opened them"));
        } else if exposed {
            overdue.push("rotate the credentials and seal anew: a quorum of shares was given for openings that came to nothing".into());
        }
        if self.sealed > now.saturating_add(AHEAD).unwrap_or(now) {
            overdue.push(
                "see to the clocks: by this one the vault is sealed at a time that is still to come".into(),
            );
        }
        if now.duration_since(self.practised.unwrap_or(self.sealed)) > QUARTER {
            overdue.push(
                "hold a drill: the last whole one that a custodian signed is more than a quarter ago".into(),
            );
        } else if failed {
            overdue.push("hold a drill again: the last one did not pass".into());
        }
        overdue
    }
}

/// A drill for this vault. What is signed counts, and not what the record beside it says.
fn drill(entry: &Entry, manifest: &Manifest, latest: Timestamp) -> Option<LastDrill> {
    let Record::Drill { session, vault, passed, envelope, .. } = &entry.record else { return None };
    let evidence = envelope.as_ref().and_then(|envelope| evidence::verify(manifest, envelope).ok());
    let evidence = evidence.filter(|said| said.session == *session && said.ended <= latest);
    let last = LastDrill {
        session: *session,
        at: evidence.as_ref().map_or(entry.at, |said| said.ended),
        passed: evidence.as_ref().map_or(*passed, |said| said.passed),
        signed: evidence.is_some(),
        whole: evidence.as_ref().is_some_and(|said| said.is_whole(manifest)),
    };
    (*vault == manifest.vault_id).then_some(last)
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

    /// Two of alice, bob and carol.
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

    fn share(number: u8, custodian: &str, credentials_epoch: u64, to: SharePurpose) -> Record {
        let session = (to == SharePurpose::Open).then(|| session(number));
        Record::Share { session, vault: "v".into(), credentials_epoch, custodian: custodian.into(), to }
    }

    fn judged(entries: &[Entry], now: &str) -> Readiness {
        Readiness::of(entries, &manifest(), at(now))
    }

    #[test]
    fn shares_given_in_vain_are_counted_and_a_quorum_of_them_spends() {
        let now = "2026-11-02T00:00:00Z";
        let time = "2026-11-01T00:00:00Z";
        let one = [
            entry(time, share(1, "alice", 2, SharePurpose::Open)),
            entry(time, share(2, "alice", 2, SharePurpose::Open)),
            entry(time, share(3, "bob", 1, SharePurpose::Open)),
            entry(time, share(4, "carol", 2, SharePurpose::Close)),
        ];
        let kept = judged(&one, now);
        assert_eq!((kept.released, kept.is_well()), (2, true), "twice alice's, of these credentials");
        assert!(
            kept.custodians.iter().all(|proof| proof.last.is_none()),
            "what nobody signed proves nothing"
        );
        let two = [&one[..], &[entry(time, share(5, "bob", 2, SharePurpose::Open))]].concat();
        assert!(judged(&two, now).overdue[0].contains("came to nothing"));
    }
}
