//! The ledger that a command writes to, and its copy that grows beside it: nothing but the very end waits for it.

use std::sync::{Mutex, PoisonError};

use crate::aws::Shipper;
use crate::config::Config;
use crate::ledger::Ledger;

static SHIPPER: Mutex<Option<Shipper>> = Mutex::new(None);

/// This machine's ledger; shipped as it grows, where that is configured.
pub fn ledger(config: &Config) -> Ledger {
    let ledger = Ledger::at_default();
    let Some(ship) = config.ship.clone() else { return ledger };
    let (shipper, ledger) = Shipper::start(ship, ledger);
    *SHIPPER.lock().unwrap_or_else(PoisonError::into_inner) = shipper;
    ledger
}

/// Everything is said and done: the copy has its last moments.
pub fn finish() {
    if let Some(shipper) = SHIPPER.lock().unwrap_or_else(PoisonError::into_inner).take() {
        shipper.finish();
    }
}
