//! The review packet: all facts about one session, ordered for a reviewer. The JSON format of the packet has version 1.

use jiff::Timestamp;
use serde::Serialize;

use super::facts::Facts;
use super::facts::approvals::ApprovalFact;
use super::facts::calls::ApiCall;
use super::facts::coverage::CloudTrailCoverage;
use super::facts::intent::{OpenedVault, SessionFacts};
use super::facts::notifications::{AlertFact, ShareFact};
use super::facts::outcome::{DrillResult, SignedReview};
use super::facts::sources::{LedgerFact, PacketSources};
use super::facts::window::WindowFacts;
use super::judge::finding::Finding;
use super::judge::findings;
use super::judge::follow_up::{self, FollowUp};
use super::judge::timeline::{self, TimelineEntry};
use crate::error::Result;
use crate::gate::SessionId;

/// The review packet of one session. The fields have the same names in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Packet {
    /// The version of the packet's format, which is 1.
    pub v: u8,
    /// The time when the packet was created.
    pub created: Timestamp,
    /// The name and the version of the program that created the packet.
    pub program: &'static str,
    pub session: SessionFacts,
    pub vault: OpenedVault,
    pub window: WindowFacts,
    pub approvals: Vec<ApprovalFact>,
    pub shares: Vec<ShareFact>,
    pub alerts: Vec<AlertFact>,
    pub cloudtrail: CloudTrailCoverage,
    pub calls: Vec<ApiCall>,
    pub timeline: Vec<TimelineEntry>,
    pub ledgers: Vec<LedgerFact>,
    pub drill: Option<DrillResult>,
    pub findings: Vec<Finding>,
    pub follow_up: Vec<FollowUp>,
    pub reviews: Vec<SignedReview>,
}

impl Packet {
    /// Creates the packet of one session.
    ///
    /// # Errors
    /// The error has the status `Usage` if no ledger has the session, or if the given vault is not the vault that the
    /// session opened.
    pub fn of(session: SessionId, sources: PacketSources<'_>) -> Result<Self> {
        let facts = Facts::of(session, sources)?;
        let (timeline, findings) = (timeline::of(&facts), findings::of(&facts));
        let follow_up = follow_up::of(&facts, &findings);
        Ok(Self {
            v: 1,
            created: facts.created,
            program: concat!("breakglass ", env!("CARGO_PKG_VERSION")),
            session: facts.session,
            vault: facts.vault,
            window: facts.window,
            approvals: facts.approvals,
            shares: facts.shares,
            alerts: facts.alerts,
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

    /// Returns the content of the packet file: indented JSON. The same packet always gives the same bytes.
    ///
    /// # Panics
    /// Never, because every field can be written as JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("every field can be written as JSON") + "\n"
    }
}
