//! The review after a use: what the ledger, signatures, receivers and CloudTrail say of one session, and which is which.

mod approvals;
mod calls;
mod findings;
mod own;
mod packet;
mod page;
mod statement;
mod text;
mod timeline;
mod trail;
mod unreviewed;
mod window;

pub use approvals::{ApprovalPart, Signature};
pub use calls::{Call, Kind, Place, Principal};
pub use findings::{Finding, FollowUp};
pub use packet::{
    DrillPart, Evidence, LedgerPart, Packet, ReviewPart, SessionPart, SharePart, Sources, ToldPart, VaultPart,
};
pub use page::page;
pub use statement::{MAX_PACKET, Reviewed, Written, verify};
pub use text::{shown, summary};
pub use timeline::Moment;
pub use trail::{AskedRegion, Trail, TrailEvent, Wanted};
pub use unreviewed::unreviewed;
pub use window::{EndedBy, Span, WindowPart};
