//! The commands that need AWS, and the options of other commands that need AWS. In the offline build, `offline.rs`
//! replaces this module.

mod args;
mod close;
mod drill;
mod earlier_uses;
mod groups;
mod inject;
mod last_session;
mod ledger;
mod open;
mod opening;
mod quorum;
mod review;
mod shipping;
mod sibling_vault;
mod status;
mod target;

use clap::Subcommand;

use crate::error::Result;
use crate::events::Events;
use args::{CloseArgs, DrillArgs, OpenArgs, StatusArgs};

pub use args::{CloudTrailProfile, ShippedCopy};
pub use ledger::LedgerCloudCommand;
pub use shipping::{finish, ledger};

/// A command that needs AWS.
#[derive(Subcommand)]
pub enum CloudCommand {
    /// Open a vault with a quorum: enable the emergency user for a limited time, then disable it
    #[command(alias = "unseal")]
    Open(OpenArgs),
    /// Rehearse an opening on a drill vault, with real YubiKeys and words
    Drill(DrillArgs),
    /// Close access after a crash, with a quorum or with your AWS credentials
    Close(CloseArgs),
    /// Show whether a window may be open, which session opened it, and when it ends
    Status(StatusArgs),
}

impl CloudCommand {
    /// Returns the destination of the command's events.
    pub fn events(&self) -> Events {
        match self {
            Self::Open(arguments) => Events::to_stdout(arguments.json),
            Self::Drill(arguments) => arguments.json.events(),
            Self::Close(arguments) => arguments.json.events(),
            Self::Status(_) => Events::none(),
        }
    }

    /// Returns whether the command handles secrets.
    pub fn has_secrets(&self) -> bool {
        !matches!(self, Self::Status(_))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// Fails if the command fails.
    pub fn run(self, events: Events) -> Result<()> {
        match self {
            Self::Open(arguments) => open::run(arguments, events),
            Self::Drill(arguments) => drill::run(&arguments, events),
            Self::Close(arguments) => close::run(arguments, events),
            Self::Status(arguments) => status::run(arguments),
        }
    }
}
