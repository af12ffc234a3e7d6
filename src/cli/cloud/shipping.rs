//! The ledger that a command writes, and its copy in a bucket. The program copies records in the background, and
//! waits for the copying only before it exits.

use std::sync::{Mutex, PoisonError};

use crate::aws::Shipper;
use crate::config::Config;
use crate::ledger::Ledger;

static SHIPPER: Mutex<Option<Shipper>> = Mutex::new(None);

/// Returns the ledger of this machine. If a bucket is configured, each appended record is also copied to the bucket.
pub fn ledger(config: &Config) -> Ledger {
    let ledger = Ledger::at_default();
    let Some(ship) = config.ship.clone() else { return ledger };
    let (shipper, ledger) = Shipper::start(ship, ledger);
    *SHIPPER.lock().unwrap_or_else(PoisonError::into_inner) = shipper;
    ledger
}

/// Waits for a limited time until all records are copied.
pub fn finish() {
    if let Some(shipper) = SHIPPER.lock().unwrap_or_else(PoisonError::into_inner).take() {
        shipper.finish();
    }
}
