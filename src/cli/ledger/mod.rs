//! `ledger`: verifies the ledger, shows its records, and copies them to a bucket.

mod show;
mod verify;

use super::args::LedgerCommand;
use crate::error::Result;

pub fn run(command: LedgerCommand) -> Result<()> {
    match command {
        LedgerCommand::Verify(arguments) => verify::run(arguments),
        LedgerCommand::Show(arguments) => show::run(arguments),
        LedgerCommand::Cloud(command) => command.run(),
    }
}
