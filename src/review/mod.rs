//! The review after a use: what the ledger, signatures, receivers and CloudTrail say of one session, and which is which.

mod facts;
mod judge;
mod packet;
mod render;
mod statement;
mod unreviewed;

pub use facts::approvals::{ApprovalPart, Signature};
pub use facts::calls::{Call, Kind, Place, Principal};
pub use facts::cloudtrail::{AskedRegion, Trail, TrailEvent, Wanted};
pub use facts::coverage::CloudTrailPart;
pub use facts::evidence::Evidence;
pub use facts::intent::{SessionPart, VaultPart};
pub use facts::notifications::{SharePart, ToldPart};
pub use facts::outcome::{DrillPart, ReviewPart};
pub use facts::window::{EndedBy, Span, WindowPart};
pub use judge::findings::Finding;
pub use judge::follow_up::FollowUp;
pub use judge::timeline::Moment;
pub use packet::{LedgerPart, Packet, Sources};
pub use render::page::page;
pub use render::text::{shown, summary};
pub use statement::{MAX_PACKET, Reviewed, Written, verify};
pub use unreviewed::unreviewed;
