//! The packet: one session, whole, in the order in which a reviewer asks. Its JSON is version 1.

use jiff::Timestamp;
use serde::Serialize;

use super::approvals::{ApprovalPart, Signature};
use super::calls::{Call, Matcher};
use super::findings::{self, Finding, FollowUp};
use super::own::Own;
use super::statement::verify;
use super::timeline::{self, Moment};
use super::trail::{AskedRegion, LATE, Trail};
use super::window::WindowPart;
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{About, Entry, Head, Intent, Principals, Record, TargetFacts, Upkeep, Use};
use crate::vault::file::Vault;
use crate::vault::manifest::{Lane, Manifest};
use crate::vault::words;

/// What a thing is worth that the packet says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Signed by an enrolled token, and the signature was verified.
    Signature,
    /// Acknowledged by a receiver under its own id: ask the receiver.
    Receiver,
    /// AWS's own record.
    Aws,
    /// Only what the operator's machine wrote.
    Record,
}

/// What a packet is made of.
pub struct Sources<'a> {
    /// The records of all ledgers at hand, in the order of their times.
    pub entries: &'a [Entry],
    /// Where they are from.
    pub ledgers: Vec<LedgerPart>,
    /// The vault, for its public manifest.
    pub vault: Option<&'a Vault>,
    /// What CloudTrail said, where it was asked.
    pub trail: Option<&'a Trail>,
    /// Now.
    pub now: Timestamp,
}

/// Everything about one session.
#[derive(Clone, Debug, Serialize)]
pub struct Packet {
    /// 1.
    pub v: u8,
    /// When it was made.
    pub made: Timestamp,
    /// By which version of this program.
    pub program: &'static str,
    /// What was meant.
    pub session: SessionPart,
    /// Of which vault.
    pub vault: VaultPart,
    /// From when to when.
    pub window: WindowPart,
    /// Who approved.
    pub approvals: Vec<ApprovalPart>,
    /// Whose share was given.
    pub shares: Vec<SharePart>,
    /// Who was told.
    pub told: Vec<ToldPart>,
    /// What CloudTrail was asked and whether it told all.
    pub cloudtrail: CloudTrailPart,
    /// What it told.
    pub calls: Vec<Call>,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
    /// The ledgers.
    pub ledgers: Vec<LedgerPart>,
    /// The drill's own result.
    pub drill: Option<DrillPart>,
    /// What is to be accounted for.
    pub findings: Vec<Finding>,
    /// What is to be done.
    pub follow_up: Vec<FollowUp>,
    /// Reviews that were signed before.
    pub reviews: Vec<ReviewPart>,
}

/// What was meant.
#[derive(Clone, Debug, Serialize)]
pub struct SessionPart {
    /// The session.
    pub id: SessionId,
    /// It was a drill.
    pub drill: bool,
    /// How the window was made.
    pub lane: Lane,
    /// The user.
    pub target: TargetFacts,
    /// Where the grant held.
    pub regions: Vec<String>,
    /// Why.
    pub reason: String,
    /// Why once more, after an opening before.
    pub again: Option<String>,
    /// Why without an alert that was acknowledged.
    pub no_alert: Option<String>,
    /// Whose calls are reviewed.
    pub principals: Principals,
    /// Access key ids of issued sessions.
    pub issued: Vec<String>,
}

/// Which vault.
#[derive(Clone, Debug, Serialize)]
pub struct VaultPart {
    /// Its id.
    pub id: String,
    /// Its label, from the manifest.
    pub label: Option<String>,
    /// How many custodians it takes, from the manifest.
    pub threshold: Option<u8>,
    /// Its epoch.
    pub epoch: u64,
    /// The epoch of its credentials.
    pub credentials_epoch: u64,
    /// SHA-256 of its binary form, hex.
    pub sha256: String,
    /// The first words of that.
    pub words: Option<String>,
    /// The epoch of the vault that was given for this review, and the epoch of its credentials.
    pub given: Option<(u64, u64)>,
    /// The id of the vault that was practised for, in a drill.
    pub drill_of: Option<String>,
}

/// A share.
#[derive(Clone, Debug, Serialize)]
pub struct SharePart {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub custodian: String,
    /// What for.
    pub to: Use,
    /// What it is.
    pub evidence: Evidence,
}

/// One channel that was told, or was not.
#[derive(Clone, Debug, Serialize)]
pub struct ToldPart {
    /// What about.
    pub about: About,
    /// The channel.
    pub channel: String,
    /// Sealed in the vault; else of the machine's configuration.
    pub sealed: bool,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it was acknowledged.
    pub acknowledged: Option<Timestamp>,
    /// It stands on record before the opening.
    pub before_opening: bool,
    /// The receiver's own id for it, if it gave one.
    pub receipt: Option<String>,
    /// What it answered, or why there was no acknowledgement.
    pub detail: String,
    /// What it is.
    pub evidence: Evidence,
}

/// What CloudTrail was asked.
#[derive(Clone, Debug, Serialize)]
pub struct CloudTrailPart {
    /// It was.
    pub asked: bool,
    /// When.
    pub at: Option<Timestamp>,
    /// For calls from when on.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Option<Timestamp>,
    /// Where.
    pub regions: Vec<AskedRegion>,
    /// Every region told everything it had, and late enough.
    pub complete: bool,
    /// When it may be asked again, where it may not have had everything yet.
    pub again_after: Option<Timestamp>,
}

/// A ledger that was read.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerPart {
    /// The file.
    pub path: String,
    /// How many records it has.
    pub records: u64,
    /// SHA-256 of its last record, hex.
    pub sha256: String,
    /// The first words of that.
    pub words: String,
    /// What is wrong with its chain; nothing where it holds.
    pub broken: Option<String>,
}

/// A drill's result.
#[derive(Clone, Debug, Serialize)]
pub struct DrillPart {
    /// When.
    pub at: Timestamp,
    /// Everything went as it should.
    pub passed: bool,
    /// What was made to fail.
    pub injected: Vec<String>,
    /// Who gave a share.
    pub custodians: Vec<String>,
}

/// A review that was signed.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewPart {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub custodian: String,
    /// What the signature is worth.
    pub signature: Signature,
    /// The token that signed.
    pub serial: Option<u32>,
    /// SHA-256 of the packet that was signed, hex.
    pub packet_sha256: Option<String>,
    /// What it is.
    pub evidence: Evidence,
}

impl LedgerPart {
    /// Of a ledger whose chain holds, or not.
    pub fn of(path: String, head: Head, broken: Option<String>) -> Self {
        let (sha256, words) = (hex::encode(head.sha256), words::of(&head.sha256));
        Self { path, records: head.seq, sha256, words, broken }
    }
}

impl Packet {
    /// Of one session.
    ///
    /// # Errors
    /// Usage, when no ledger knows the session, or the vault is another one.
    pub fn of(session: SessionId, sources: Sources<'_>) -> Result<Self> {
        let Sources { entries, ledgers, vault, trail, now } = sources;
        let own = Own::of(session, entries)?;
        let manifest = manifest(vault, &own.intent)?;
        let matcher = Matcher::of(&own, entries);
        let mut calls: Vec<_> =
            trail.iter().flat_map(|t| &t.events).filter_map(|e| matcher.call(e)).collect();
        calls.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
        let mut packet = Self {
            v: 1,
            made: now,
            program: concat!("breakglass ", env!("CARGO_PKG_VERSION")),
            session: SessionPart::of(&own),
            vault: VaultPart::of(&own.intent, manifest),
            window: WindowPart::of(&own, &calls, now),
            approvals: ApprovalPart::all(&own, manifest),
            shares: own.entries.iter().filter_map(|entry| share(entry)).collect(),
            told: own.entries.iter().filter_map(|entry| told(&own, entry)).collect(),
            cloudtrail: CloudTrailPart::of(&own, trail),
            calls,
            timeline: Vec::new(),
            ledgers,
            drill: own.entries.iter().find_map(|entry| drill(entry)),
            findings: Vec::new(),
            follow_up: Vec::new(),
            reviews: own.entries.iter().filter_map(|entry| review(entry, manifest)).collect(),
        };
        packet.timeline = timeline::of(&packet);
        packet.findings = findings::of(&packet);
        let is_practised =
            manifest.is_some_and(|manifest| Upkeep::of(entries, manifest, now).is_practised(now));
        packet.follow_up = findings::follow_up(&packet, is_practised);
        Ok(packet)
    }

    /// As it is written to its file: JSON with line ends, the same for the same packet.
    ///
    /// # Panics
    /// Never: every member has a JSON form.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("every member has a JSON form") + "\n"
    }

    /// Who approved with a valid signature, each once.
    pub(super) fn verified(&self) -> Vec<&str> {
        let verified = self.approvals.iter().filter(|approval| approval.signature == Signature::Verified);
        let mut names: Vec<_> = verified.map(|approval| approval.custodian.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many calls there are that `is` holds for.
    pub(super) fn count(&self, is: impl Fn(&Call) -> bool) -> usize {
        self.calls.iter().filter(|call| is(call)).count()
    }
}

/// The given vault's manifest, if it is this session's vault.
fn manifest<'a>(vault: Option<&'a Vault>, intent: &Intent<'_>) -> Result<Option<&'a Manifest>> {
    match vault {
        Some(vault) if vault.manifest.vault_id != intent.vault => {
            let (given, meant) = (&vault.manifest.vault_id, intent.vault);
            Err(Error::usage(format!("session {} opened vault {meant}, not {given}", intent.session))
                .next("name the vault that was opened with --vault"))
        }
        vault => Ok(vault.map(|vault| &vault.manifest)),
    }
}

impl SessionPart {
    fn of(own: &Own<'_>) -> Self {
        let intent = &own.intent;
        Self {
            id: intent.session,
            drill: intent.drill_of.is_some(),
            lane: intent.lane,
            target: intent.target.clone(),
            regions: intent.regions.to_vec(),
            reason: intent.reason.to_owned(),
            again: intent.again.map(str::to_owned),
            no_alert: intent.no_alert.map(str::to_owned),
            principals: intent.principals.clone(),
            issued: own.issued().map(str::to_owned).collect(),
        }
    }
}

impl VaultPart {
    fn of(intent: &Intent<'_>, manifest: Option<&Manifest>) -> Self {
        let mut digest = [0; 32];
        let known = hex::decode_to_slice(intent.sha256, &mut digest).is_ok();
        Self {
            id: intent.vault.to_owned(),
            label: manifest.map(|manifest| manifest.label.clone()),
            threshold: manifest.map(|manifest| manifest.threshold.get()),
            epoch: intent.epoch,
            credentials_epoch: intent.credentials_epoch,
            sha256: intent.sha256.to_owned(),
            words: known.then(|| words::of(&digest)),
            given: manifest.map(|manifest| (manifest.epoch.into(), manifest.credentials_epoch.into())),
            drill_of: intent.drill_of.map(str::to_owned),
        }
    }
}

impl CloudTrailPart {
    fn of(own: &Own<'_>, trail: Option<&Trail>) -> Self {
        let Some(trail) = trail else {
            return Self {
                asked: false,
                at: None,
                from: None,
                until: None,
                regions: Vec::new(),
                complete: false,
                again_after: None,
            };
        };
        let end = own.end().unwrap_or(own.at);
        let after = end.saturating_add(LATE).unwrap_or(end);
        let again_after = (trail.at < after).then_some(after);
        let whole = trail.regions.iter().all(|region| region.error.is_none());
        Self {
            asked: true,
            at: Some(trail.at),
            from: Some(trail.from),
            until: Some(trail.until),
            regions: trail.regions.clone(),
            complete: whole && again_after.is_none(),
            again_after,
        }
    }
}

fn share(entry: &Entry) -> Option<SharePart> {
    let Record::Share { custodian, to, .. } = &entry.record else { return None };
    Some(SharePart { at: entry.at, custodian: custodian.clone(), to: *to, evidence: Evidence::Record })
}

fn told(own: &Own<'_>, entry: &Entry) -> Option<ToldPart> {
    let Record::Told { about, channel, sealed, sent, acknowledged, receipt, detail, .. } = &entry.record
    else {
        return None;
    };
    Some(ToldPart {
        about: *about,
        channel: channel.clone(),
        sealed: *sealed,
        sent: *sent,
        acknowledged: *acknowledged,
        before_opening: own.is_before_opening(entry),
        detail: detail.clone(),
        // Without an id of the receiver's there is nothing that it could be asked about.
        evidence: if acknowledged.and(receipt.as_ref()).is_some() {
            Evidence::Receiver
        } else {
            Evidence::Record
        },
        receipt: receipt.clone(),
    })
}

fn drill(entry: &Entry) -> Option<DrillPart> {
    let Record::Drill { passed, injected, custodians, .. } = &entry.record else { return None };
    let (injected, custodians) = (injected.clone(), custodians.clone());
    Some(DrillPart { at: entry.at, passed: *passed, injected, custodians })
}

fn review(entry: &Entry, manifest: Option<&Manifest>) -> Option<ReviewPart> {
    let Record::Review { custodian, envelope, session } = &entry.record else { return None };
    let statement = manifest.map(|manifest| verify(manifest, envelope));
    let statement = statement.map(|verified| {
        verified
            .ok()
            .filter(|said| (said.predicate.session, &said.predicate.custodian) == (*session, custodian))
    });
    let signature = match &statement {
        None => Signature::NotChecked,
        Some(Some(_)) => Signature::Verified,
        Some(None) => Signature::NotValid,
    };
    let statement = statement.flatten();
    Some(ReviewPart {
        at: entry.at,
        custodian: custodian.clone(),
        signature,
        serial: statement.as_ref().map(|said| said.predicate.serial),
        packet_sha256: statement.map(|said| said.subject().digest.sha256.clone()),
        evidence: signature.evidence(),
    })
}
