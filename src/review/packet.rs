//! The packet: one session, whole, in the order in which a reviewer asks. Its JSON is version 1.

use jiff::Timestamp;
use serde::Serialize;

use super::facts::approvals::{ApprovalFact, SignatureCheck};
use super::facts::calls::{ApiCall, CallMatcher};
use super::facts::cloudtrail::CloudTrailResult;
use super::facts::coverage::CloudTrailCoverage;
use super::facts::intent::{OpenedVault, SessionFacts};
use super::facts::notifications::{NotificationFact, ShareFact};
use super::facts::outcome::{DrillResult, SignedReview};
use super::facts::session_records::SessionRecords;
use super::facts::window::WindowFacts;
use super::judge::findings::{self, Finding};
use super::judge::follow_up::{self, FollowUp};
use super::judge::timeline::{self, TimelineEntry};
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{Entry, Head, Intent, Readiness};
use crate::vault::file::Vault;
use crate::vault::manifest::Manifest;
use crate::vault::words;

/// What a packet is made of.
pub struct PacketSources<'a> {
    /// The records of all ledgers at hand, in the order of their times.
    pub entries: &'a [Entry],
    /// Where they are from.
    pub ledgers: Vec<LedgerFact>,
    /// The vault, for its public manifest.
    pub vault: Option<&'a Vault>,
    /// What CloudTrail said, where it was asked.
    pub trail: Option<&'a CloudTrailResult>,
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
    pub session: SessionFacts,
    /// Of which vault.
    pub vault: OpenedVault,
    /// From when to when.
    pub window: WindowFacts,
    /// Who approved.
    pub approvals: Vec<ApprovalFact>,
    /// Whose share was given.
    pub shares: Vec<ShareFact>,
    /// Who was told.
    pub told: Vec<NotificationFact>,
    /// What CloudTrail was asked and whether it told all.
    pub cloudtrail: CloudTrailCoverage,
    /// What it told.
    pub calls: Vec<ApiCall>,
    /// What happened, in order.
    pub timeline: Vec<TimelineEntry>,
    /// The ledgers.
    pub ledgers: Vec<LedgerFact>,
    /// The drill's own result.
    pub drill: Option<DrillResult>,
    /// What is to be accounted for.
    pub findings: Vec<Finding>,
    /// What is to be done.
    pub follow_up: Vec<FollowUp>,
    /// Reviews that were signed before.
    pub reviews: Vec<SignedReview>,
}

/// A ledger that was read.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerFact {
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

impl LedgerFact {
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
    pub fn of(session: SessionId, sources: PacketSources<'_>) -> Result<Self> {
        let PacketSources { entries, ledgers, vault, trail, now } = sources;
        let own = SessionRecords::of(session, entries)?;
        let manifest = manifest(vault, &own.intent)?;
        let matcher = CallMatcher::of(&own, entries, manifest);
        let mut calls: Vec<_> =
            trail.iter().flat_map(|t| &t.events).filter_map(|e| matcher.call(e)).collect();
        calls.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
        let mut packet = Self {
            v: 1,
            made: now,
            program: concat!("breakglass ", env!("CARGO_PKG_VERSION")),
            session: SessionFacts::of(&own, manifest),
            vault: OpenedVault::of(&own.intent, vault),
            window: WindowFacts::of(&own, &calls, now),
            approvals: ApprovalFact::all(&own, manifest),
            shares: ShareFact::all(&own),
            told: NotificationFact::all(&own),
            cloudtrail: CloudTrailCoverage::of(&own, trail),
            calls,
            timeline: Vec::new(),
            ledgers,
            drill: DrillResult::of(&own, manifest),
            findings: Vec::new(),
            follow_up: Vec::new(),
            reviews: SignedReview::all(&own, manifest),
        };
        packet.timeline = timeline::of(&packet);
        packet.findings = findings::of(&packet);
        let is_practised =
            manifest.is_some_and(|manifest| Readiness::of(entries, manifest, now).is_practised(now));
        packet.follow_up = follow_up::of(&packet, is_practised);
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
        let verified =
            self.approvals.iter().filter(|approval| approval.signature == SignatureCheck::Verified);
        let mut names: Vec<_> = verified.map(|approval| approval.custodian.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many calls there are that `is` holds for.
    pub(super) fn count(&self, is: impl Fn(&ApiCall) -> bool) -> usize {
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
