//! The packet: one session, complete, in the order in which a reviewer asks. Its JSON is version 1.

use jiff::Timestamp;
use serde::Serialize;

use super::facts::Facts;
use super::facts::approvals::ApprovalFact;
use super::facts::calls::ApiCall;
use super::facts::coverage::CloudTrailCoverage;
use super::facts::intent::{OpenedVault, SessionFacts};
use super::facts::notifications::{NotificationFact, ShareFact};
use super::facts::outcome::{DrillResult, SignedReview};
use super::facts::sources::{LedgerFact, PacketSources};
use super::facts::window::WindowFacts;
use super::judge::findings::{self, Finding};
use super::judge::follow_up::{self, FollowUp};
use super::judge::timeline::{self, TimelineEntry};
use crate::error::Result;
use crate::gate::SessionId;

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

impl Packet {
    /// Of one session.
    ///
    /// # Errors
    /// Usage, when no ledger knows the session, or the vault is another one.
    pub fn of(session: SessionId, sources: PacketSources<'_>) -> Result<Self> {
        let facts = Facts::of(session, sources)?;
        let (timeline, findings) = (timeline::of(&facts), findings::of(&facts));
        let follow_up = follow_up::of(&facts, &findings);
        Ok(Self {
            v: 1,
            made: facts.made,
            program: concat!("breakglass ", env!("CARGO_PKG_VERSION")),
            session: facts.session,
            vault: facts.vault,
            window: facts.window,
            approvals: facts.approvals,
            shares: facts.shares,
            told: facts.told,
            cloudtrail: facts.cloudtrail,
            calls: facts.calls,
            timeline,
            ledgers: facts.ledgers,
            drill: facts.drill,
            findings,
            follow_up,
            reviews: facts.reviews,
        })
    }

    /// As it is written to its file: JSON with line ends, the same for the same packet.
    ///
    /// # Panics
    /// Never: every member has a JSON form.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("every member has a JSON form") + "\n"
    }
}
