//! The review of one session. The review collects facts from the ledgers, signatures, receivers and CloudTrail, and
//! draws conclusions from the facts.

mod facts;
mod judge;
mod packet;
mod render;
mod statement;
mod unreviewed;
mod wording;

pub use facts::approvals::{ApprovalFact, SignatureCheck};
pub use facts::calls::{ApiCall, CallPurpose, CallTiming, CallerKind};
pub use facts::cloudtrail::{CloudTrailEvent, CloudTrailQuery, CloudTrailResult, RegionResult};
pub use facts::coverage::CloudTrailCoverage;
pub use facts::evidence::Evidence;
pub use facts::intent::{OpenedVault, SessionFacts};
pub use facts::notifications::{AlertFact, ShareFact};
pub use facts::outcome::{DrillResult, SignedReview};
pub use facts::sources::{LedgerFact, PacketSources};
pub use facts::window::{EnabledSpan, EndedBy, WindowFacts};
pub use judge::findings::{Finding, FindingId};
pub use judge::follow_up::{FollowUp, FollowUpId};
pub use judge::timeline::TimelineEntry;
pub use packet::Packet;
pub use render::page::page;
pub use render::text::{shown, summary};
pub use statement::{MAX_PACKET, PacketFile, ReviewPredicate, verify};
pub use unreviewed::unreviewed;
