//! The ledger: an append-only file in JSON Lines. Each record is fsynced, and contains the SHA-256 of the previous
//! record's line.

mod append;
mod background;
mod chain;
mod damage;
mod facts;
mod file;
mod intent;
mod known_vault;
mod line;
mod merge;
mod record;
mod shipped;
mod spent;
mod store;
mod tail;
pub mod verify;
mod views;

pub use background::{BackgroundRecords, NotWritten};
pub use chain::{Chain, Head};
pub use damage::Damage;
pub use facts::{Principals, VaultFacts};
pub use intent::Intent;
pub use known_vault::KnownVault;
pub use line::Link;
pub use merge::{LedgerFile, Merged, MergedRecord, read_all, read_all_with, read_file};
pub use record::{AlertTopic, Entry, Record, SharePurpose};
pub use shipped::Shipped;
pub use spent::{FoundUse, SpentBy, UnsignedUse, Uses, is_spent};
pub use store::{Ledger, RawLedger};
pub use views::complete_drill::{has_passed, is_complete_drill};
pub use views::drills::LastDrill;
pub use views::last_session::{LastSession, last};
pub use views::readiness::{AffectedToken, CustodianProof, Readiness};
pub use views::session_outcome::SessionOutcome;
pub use views::target_status::{
    ClockSource, ClockTime, RecordedEnd, StatusSource, TargetState, TargetStatus,
};

#[cfg(test)]
mod tests;
