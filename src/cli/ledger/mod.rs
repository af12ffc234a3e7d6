//! `ledger`: what the record of every use is good for: verify it, show it, ship it.

mod show;
mod verify;

use super::args;
use crate::error::Result;
use crate::terminal::print;

/// Does what was asked.
pub fn run(command: &args::Ledger) -> Result<()> {
    match command {
        args::Ledger::Verify(arguments) => verify::run(arguments),
        args::Ledger::Show(arguments) => show::run(arguments),
        #[cfg(feature = "cloud")]
        args::Ledger::Ship => ship(),
    }
}

#[cfg(feature = "cloud")]
fn ship() -> Result<()> {
    let config = crate::config::Config::load()?;
    let ship = config.ship.ok_or_else(|| {
        crate::error::Error::usage("no bucket is configured to ship the ledger to")
            .next("add the field ship to the configuration: docs/reference/config.md")
    })?;
    let sent = crate::aws::ship_now(&ship, &crate::ledger::Ledger::at_default())?;
    print::result(&format!("shipped: {sent} records to {}; none is queued\n", ship.bucket))
}
