//! The ledger that a command writes, and its copy in a bucket; only the end of the process waits for the copy.

use std::sync::{Mutex, PoisonError};

use crate::aws::Shipper;
use crate::config::Config;
use crate::ledger::Ledger;

static SHIPPER: Mutex<Option<Shipper>> = Mutex::new(None);

/// The ledger of this machine; if a bucket is configured, records are shipped as they are appended.
pub fn ledger(config: &Config) -> Ledger {
    let ledger = Ledger::at_default();
    let Some(ship) = config.ship.clone() else { return ledger };
    let (shipper, ledger) = Shipper::start(ship, ledger);
    *SHIPPER.lock().unwrap_or_else(PoisonError::into_inner) = shipper;
    ledger
}

/// Gives the copy a last moment to finish.
pub fn finish() {
    if let Some(shipper) = SHIPPER.lock().unwrap_or_else(PoisonError::into_inner).take() {
        shipper.finish();
    }
}
