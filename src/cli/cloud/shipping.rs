//! The ledger that a command writes, and its copy in a bucket. The program copies records in the background, and
//! waits for the copying only before it exits.

use std::sync::{Mutex, PoisonError};

use crate::aws::{CopyReader, READ_TIMEOUT, ReadCopy, Shipper};
use crate::config::Config;
use crate::ledger::Ledger;
use crate::terminal::countable;

static SHIPPER: Mutex<Option<Shipper>> = Mutex::new(None);

/// Returns the ledger of this machine. If a bucket is configured, each appended record is also copied to the bucket.
pub fn ledger(config: &Config) -> Ledger {
    let ledger = Ledger::at_default();
    let Some(ship) = config.ship.clone() else { return ledger };
    let (shipper, ledger) = Shipper::start(ship, ledger);
    *SHIPPER.lock().unwrap_or_else(PoisonError::into_inner) = shipper;
    ledger
}

/// A background thread that reads the copies of ledgers in the S3 bucket.
pub type CopyReading = CopyReader;

/// Starts to read the copies of all ledgers in the configured bucket. Returns `None` if no bucket is configured.
pub fn read_copy(config: &Config, ledger: &Ledger) -> Option<CopyReading> {
    config.ship.as_ref().map(|ship| CopyReader::start(ship, ledger))
}

/// Returns a text that states whether the copies of ledgers could be read.
pub fn copy_text(copy: &Result<ReadCopy, String>) -> String {
    match copy {
        Ok(ReadCopy { ledgers, records, place }) => {
            let (records, ledgers) =
                (countable(*records, "record", "records"), countable(ledgers.len(), "ledger", "ledgers"));
            format!("read: {records} of {ledgers} in {place}")
        }
        Err(why) => format!(
            "NOT read within {} s: {why}; only the ledgers on this machine were consulted",
            READ_TIMEOUT.as_secs()
        ),
    }
}

/// Waits for a limited time until all records are copied.
pub fn finish() {
    if let Some(shipper) = SHIPPER.lock().unwrap_or_else(PoisonError::into_inner).take() {
        shipper.finish();
    }
}
