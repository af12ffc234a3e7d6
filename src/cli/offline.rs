//! Replaces `cloud` in the offline build: the same names, for a program without AWS.

#![allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the signatures are those of cloud")]

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::verify::CopiedRecord;
use crate::ledger::{Chain, Entry, Ledger};
use crate::review::CloudTrailResult;

/// A command that only the full build has.
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

/// A subcommand of `ledger` that only the full build has.
#[derive(Subcommand)]
pub enum LedgerCloudCommand {
    #[command(hide = true, disable_help_flag = true)]
    Ship(Missing),
}

/// Arguments that are accepted so that the error names the command, not an argument.
#[derive(Args)]
pub struct Missing {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// `review` without CloudTrail.
#[derive(Args)]
pub struct CloudTrailProfile {
    #[arg(long, hide = true)]
    profile: Option<OsString>,
}

/// `ledger verify` without a bucket.
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
    pub fn look_up(&self, _: SessionId, _: &[Entry]) -> Result<Option<CloudTrailResult>> {
        self.profile.as_ref().map_or(Ok(None), |_| Err(missing("review --profile")))
    }
}

impl ShippedCopy {
    pub fn read(&self, _: &Chain) -> Result<Option<Vec<CopiedRecord>>> {
        if self.shipped { Err(missing("ledger verify --shipped")) } else { Ok(None) }
    }
}

/// The ledger of this machine.
pub fn ledger(_: &Config) -> Ledger {
    Ledger::at_default()
}

/// Does nothing: no record was shipped.
pub fn finish() {}

fn missing(what: &str) -> Error {
    Error::usage(format!("this is the offline build: it has no `{what}`"))
        .next("use the full build (breakglass)")
}
