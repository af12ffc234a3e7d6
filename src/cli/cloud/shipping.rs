//! The ledger that a command writes, and its copy in a bucket. Records are copied in the background; the command waits
//! for the copy only when it exits.

use std::sync::{Mutex, PoisonError};

use crate::aws::Shipper;
use crate::config::Config;
use crate::ledger::Ledger;

static SHIPPER: Mutex<Option<Shipper>> = Mutex::new(None);

/// Returns the ledger of this machine. If a bucket is configured, records are copied to it as they are appended.
pub fn ledger(config: &Config) -> Ledger {
    let ledger = Ledger::at_default();
    let Some(ship) = config.ship.clone() else { return ledger };
    let (shipper, ledger) = Shipper::start(ship, ledger);
    *SHIPPER.lock().unwrap_or_else(PoisonError::into_inner) = shipper;
    ledger
}

/// Waits a limited time until the records are copied.
pub fn finish() {
    if let Some(shipper) = SHIPPER.lock().unwrap_or_else(PoisonError::into_inner).take() {
        shipper.finish();
    }
}
