//! The facts about one session, each with its evidence. The facts come from ledgers, signatures, alert receivers and
//! CloudTrail.

pub(super) mod approvals;
pub(super) mod call_matcher;
pub(super) mod calls;
pub(super) mod carried_id;
pub(super) mod cloudtrail;
pub(super) mod coverage;
pub(super) mod evidence;
pub(super) mod intent;
pub(super) mod notifications;
pub(super) mod outcome;
pub(super) mod session_records;
pub(super) mod sources;
pub(super) mod window;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{Intent, Readiness};
use crate::review::command::ReviewCommand;
use crate::vault::file::Vault;
use crate::vault::manifest::Manifest;
use approvals::ApprovalFact;
use call_matcher::CallMatcher;
use calls::ApiCall;
use coverage::CloudTrailCoverage;
use intent::{OpenedVault, SessionFacts};
use notifications::{AlertFact, ShareFact};
use outcome::{DrillResult, SignedReview};
use session_records::SessionRecords;
use sources::{LedgerFact, PacketSources};
use window::WindowFacts;

/// All facts about one session.
pub(super) struct Facts {
    /// The time when the facts were collected.
    pub(super) created: Timestamp,
    pub(super) session: SessionFacts,
    pub(super) vault: OpenedVault,
    pub(super) window: WindowFacts,
    pub(super) approvals: Vec<ApprovalFact>,
    pub(super) shares: Vec<ShareFact>,
    pub(super) alerts: Vec<AlertFact>,
    pub(super) cloudtrail: CloudTrailCoverage,
    /// The calls of the session, in order of time.
    pub(super) calls: Vec<ApiCall>,
    pub(super) ledgers: Vec<LedgerFact>,
    pub(super) drill: Option<DrillResult>,
    pub(super) reviews: Vec<SignedReview>,
    /// Whether the ledgers have a complete, signed drill for this vault in the last 92 days.
    pub(super) is_drill_current: bool,
    /// The options with which the reviewer ran `review`.
    pub(super) command: ReviewCommand,
}

impl Facts {
    /// Collects the facts of one session.
    ///
    /// # Errors
    /// The error has the status `Usage` if no ledger has the session, or if the given vault is not the vault that the
    /// session opened.
    pub(super) fn of(session: SessionId, sources: PacketSources<'_>) -> Result<Self> {
        let PacketSources { entries, ledgers, vault, trail, now, command } = sources;
        let records = SessionRecords::of(session, entries)?;
        let manifest = manifest(vault, &records.intent)?;
        let matcher = CallMatcher::of(&records, entries, manifest);
        let calls = matcher.calls(trail.into_iter().flat_map(|trail| &trail.events));
        Ok(Self {
            created: now,
            session: SessionFacts::of(&records, manifest),
            vault: OpenedVault::of(&records.intent, vault),
            window: WindowFacts::of(&records, &calls, now),
            approvals: ApprovalFact::all(&records, manifest),
            shares: ShareFact::all(&records),
            alerts: AlertFact::all(&records),
            cloudtrail: CloudTrailCoverage::of(&records, trail, &calls),
            calls,
            ledgers,
            drill: DrillResult::of(&records, manifest),
            reviews: SignedReview::all(&records, manifest),
            is_drill_current: manifest
                .is_some_and(|manifest| Readiness::of(entries, manifest, now).is_drill_current(now)),
            command,
        })
    }
}

/// Returns the manifest of the given vault. Fails if the session opened a different vault.
fn manifest<'a>(vault: Option<&'a Vault>, intent: &Intent<'_>) -> Result<Option<&'a Manifest>> {
    match vault {
        Some(vault) if vault.manifest.vault_id != intent.vault => {
            let (given, opened) = (&vault.manifest.vault_id, intent.vault);
            Err(Error::usage(format!("session {} opened vault {opened}, not {given}", intent.session))
                .next("pass the vault that the session opened to the option --vault"))
        }
        vault => Ok(vault.map(|vault| &vault.manifest)),
    }
}
