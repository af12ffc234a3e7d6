//! The parts of the command `ledger` that need AWS: `ledger ship`, and the option `--shipped` of `ledger verify`.

use clap::Subcommand;

use super::args::ShippedCopy;
use crate::aws;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::verify::CopiedRecord;
use crate::ledger::{Chain, Ledger};
use crate::terminal::print;

/// A subcommand of `ledger`.
#[derive(Subcommand)]
pub enum LedgerCloudCommand {
    /// Copy queued records to the configured bucket; for use in cron
    #[command(after_help = "Example:\n  breakglass ledger ship")]
    Ship,
}

impl LedgerCloudCommand {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Fails if no bucket is configured, or S3 returns an error.
    pub fn run(&self) -> Result<()> {
        let Self::Ship = self;
        let ship = Config::load()?.ship.ok_or_else(|| {
            Error::usage("no bucket is configured for the copy of the ledger")
                .next("add the field ship to the configuration: docs/reference/config.md")
        })?;
        let sent = aws::ship_now(&ship, &Ledger::at_default())?;
        print::result(&format!("shipped: {sent} records to {}; no record is queued\n", ship.bucket))
    }
}

impl ShippedCopy {
    /// Returns the records in the configured bucket; `None` if `--shipped` was not given.
    ///
    /// # Errors
    /// Fails if no bucket is configured, or S3 returns an error.
    pub fn read(&self, chain: &Chain) -> Result<Option<Vec<CopiedRecord>>> {
        if !self.shipped {
            return Ok(None);
        }
        let ship = Config::load()?.ship.ok_or_else(|| {
            Error::usage("no bucket is configured for the copy of the ledger").next("name a copy with --copy")
        })?;
        aws::shipped(&ship, chain).map(Some)
    }
}
