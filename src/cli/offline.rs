//! Replaces the module `cloud` in the offline build. The items have the same names as the items of `cloud`, but each
//! command returns an error.

#![allow(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the functions have the signatures of the module cloud"
)]

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::verify::CopiedRecord;
use crate::ledger::{Chain, Entry, Ledger};
use crate::review::CloudTrailResult;

/// The commands that only the full build has.
#[derive(Subcommand)]
pub enum CloudCommand {
    #[command(hide = true, disable_help_flag = true, alias = "unseal")]
    Open(Missing),
    #[command(hide = true, disable_help_flag = true)]
    Drill(Missing),
    #[command(hide = true, disable_help_flag = true)]
    Close(Missing),
    #[command(hide = true, disable_help_flag = true)]
    Status(Missing),
}

/// The subcommands of `ledger` that only the full build has.
#[derive(Subcommand)]
pub enum LedgerCloudCommand {
    #[command(hide = true, disable_help_flag = true)]
    Ship(Missing),
}

/// Accepts any arguments, so that the error is about the missing command, not about an unknown argument.
#[derive(Args)]
pub struct Missing {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// The option `--profile` of `review`, which fails in this build.
#[derive(Args)]
pub struct CloudTrailProfile {
    #[arg(long, hide = true)]
    profile: Option<OsString>,
}

/// The option `--shipped` of `ledger verify`, which fails in this build.
#[derive(Args)]
pub struct ShippedCopy {
    #[arg(long, hide = true)]
    shipped: bool,
}

impl CloudCommand {
    pub fn events(&self) -> Events {
        Events::none()
    }

    pub fn has_secrets(&self) -> bool {
        false
    }

    pub fn run(self, _: Events) -> Result<()> {
        Err(missing(match self {
            Self::Open(_) => "open",
            Self::Drill(_) => "drill",
            Self::Close(_) => "close",
            Self::Status(_) => "status",
        }))
    }
}

impl LedgerCloudCommand {
    pub fn run(&self) -> Result<()> {
        Err(missing("ledger ship"))
    }
}

impl CloudTrailProfile {
    pub fn name(&self) -> Option<&str> {
        None
    }

    pub fn look_up(&self, _: SessionId, _: &[Entry]) -> Result<Option<CloudTrailResult>> {
        self.profile.as_ref().map_or(Ok(None), |_| Err(missing("review --profile")))
    }
}

impl ShippedCopy {
    pub fn read(&self, _: &Chain) -> Result<Option<Vec<CopiedRecord>>> {
        if self.shipped { Err(missing("ledger verify --shipped")) } else { Ok(None) }
    }
}

/// Returns the ledger of this machine.
pub fn ledger(_: &Config) -> Ledger {
    Ledger::at_default()
}

/// Does nothing, because this build never copies records to a bucket.
pub fn finish() {}

fn missing(what: &str) -> Error {
    Error::usage(format!("this is the offline build: it has no `{what}`"))
        .next("use the full build (breakglass)")
}
