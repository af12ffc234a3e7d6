//! `ledger`: verifies, shows and ships the record of every use.

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
