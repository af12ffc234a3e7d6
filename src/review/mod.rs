//! The review after a use: what the ledger, signatures, receivers and CloudTrail say of one session, and which is which.

mod after;
mod approvals;
mod asked;
mod calls;
mod evidence;
mod findings;
mod meant;
mod own;
mod packet;
mod page;
mod statement;
mod text;
mod timeline;
mod told;
mod trail;
mod unreviewed;
mod window;

pub use after::{DrillPart, ReviewPart};
pub use approvals::{ApprovalPart, Signature};
pub use asked::CloudTrailPart;
pub use calls::{Call, Kind, Place, Principal};
pub use evidence::Evidence;
pub use findings::{Finding, FollowUp};
pub use meant::{SessionPart, VaultPart};
pub use packet::{LedgerPart, Packet, Sources};
pub use page::page;
pub use statement::{MAX_PACKET, Reviewed, Written, verify};
pub use text::{shown, summary};
pub use timeline::Moment;
pub use told::{SharePart, ToldPart};
pub use trail::{AskedRegion, Trail, TrailEvent, Wanted};
pub use unreviewed::unreviewed;
pub use window::{EndedBy, Span, WindowPart};
