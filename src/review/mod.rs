//! The review of one session. The review collects facts from the ledgers, the signatures, the alert receivers and
//! CloudTrail, and draws conclusions from the facts.

mod command;
mod facts;
mod judge;
mod packet;
mod render;
mod statement;
mod totals;
mod unreviewed;
mod wording;

pub use command::ReviewCommand;
pub use facts::approvals::{ApprovalFact, SignatureCheck};
pub use facts::calls::{ApiCall, CallAnswer, CallPurpose, CallTiming, CallerKind};
pub use facts::carried_id::CarriedId;
pub use facts::cloudtrail::{CloudTrailEvent, CloudTrailQuery, CloudTrailResult, RegionResult};
pub use facts::coverage::{CloudTrailCoverage, RegionCoverage};
pub use facts::evidence::Evidence;
pub use facts::intent::{OpenedVault, SessionFacts};
pub use facts::notifications::{AlertFact, ShareFact};
pub use facts::outcome::{DrillResult, SignedReview};
pub use facts::sources::{LedgerFact, PacketSources};
pub use facts::window::{EnabledSpan, EndedBy, WindowFacts};
pub use judge::finding::{Finding, FindingCounts, FindingId, Severity};
pub use judge::follow_up::{FollowUp, FollowUpId};
pub use judge::timeline::TimelineEntry;
pub use packet::Packet;
pub use render::page::page;
pub use render::text::{shown, summary};
pub use statement::{MAX_PACKET, PacketFile, ReviewPredicate, verify};
pub use unreviewed::unreviewed;
