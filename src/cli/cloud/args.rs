//! The arguments of the commands that need AWS, before they are validated.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::groups::{JsonEvents, NoAlert, TargetName};
use super::inject::Inject;
use crate::cli::groups::{Json, Wait};
use crate::vault::duration::Span;

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass open prod.age --for 30m --reason \"INC-4711: IdP is down\"
  breakglass open prod.age --for 1h --reason \"INC-4711\" --console
  breakglass open prod.age --for 15m --reason \"INC-4711\" -- aws s3 ls

Exit status 10 means that access may still be open: breakglass help exit-codes")]
pub struct OpenArgs {
    /// The vault
    pub vault: PathBuf,
    /// Duration of the window, like 90s, 45m or 1h30m
    #[arg(long = "for", value_name = "TIME")]
    pub window: Span,
    /// The reason for opening; it is recorded and signed
    #[arg(long)]
    pub reason: String,
    /// The reason for using credentials that were opened before and not rotated since
    #[arg(long, value_name = "WHY")]
    pub again: Option<String>,
    /// The reason for opening this vault file although a newer file of the vault was opened before
    #[arg(long, value_name = "WHY")]
    pub older_epoch: Option<String>,
    /// The reason for opening although the user has a second access key, which is inactive
    #[arg(long, value_name = "WHY")]
    pub extra_key: Option<String>,
    #[command(flatten)]
    pub no_alert: NoAlert,
    #[command(flatten)]
    pub target: TargetName,
    #[command(flatten)]
    pub wait: Wait,
    /// Print events as JSON Lines on standard output; the output of COMMAND goes to standard error
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub work: WorkArgs,
}

/// The options that decide what runs during the window.
#[derive(Args)]
pub struct WorkArgs {
    /// Keep the window open without handing out credentials
    #[arg(long, conflicts_with = "command")]
    pub hold: bool,
    /// Sign in to the AWS console in the browser; without a browser, the link is shown
    #[arg(long, conflicts_with_all = ["command", "hold"])]
    pub console: bool,
    /// Exit with the exit status of COMMAND, but never with 10 [default: 1 if COMMAND fails or the window ends it]
    #[arg(long, requires = "command")]
    pub pass_status: bool,
    /// The command to run during the window [default: your shell]
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass drill prod.drill.age
  breakglass drill prod.drill.age --inject absent=alice --out evidence.json
  breakglass drill prod.drill.age --inject iam-down")]
pub struct DrillArgs {
    /// The drill vault: the .drill.age file that seal wrote next to the vault
    pub vault: PathBuf,
    /// Duration of the window
    #[arg(long = "for", value_name = "TIME", default_value = "5m")]
    pub window: Span,
    /// The reason for the drill; it is recorded and signed
    #[arg(long, default_value = "a drill")]
    pub reason: String,
    #[command(flatten)]
    pub no_alert: NoAlert,
    #[command(flatten)]
    pub target: TargetName,
    /// A failure to inject: absent=NAME, iam-down or cut-at-close; may be given several times
    #[arg(long, value_name = "FAILURE")]
    pub inject: Vec<Inject>,
    #[command(flatten)]
    pub wait: Wait,
    /// The evidence file to write [default: drill-SESSION.json]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub json: JsonEvents,
    /// The command to run during the window; the drill user is allowed only the probe call
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass close prod.age
  breakglass close prod.age --profile security-admin
  breakglass close prod.age --profile security-admin --force")]
pub struct CloseArgs {
    /// The vault
    pub vault: PathBuf,
    /// Close with this profile of your AWS configuration instead of a quorum
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    #[command(flatten)]
    pub target: TargetName,
    #[command(flatten)]
    pub wait: Wait,
    /// Close a window that another machine opened
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub json: JsonEvents,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass status
  breakglass status prod.age --profile auditor
  breakglass status prod.age --json

Exit status 10 means that a window may be open; 1 means that a task is overdue or something could not be read.")]
pub struct StatusArgs {
    /// The vault whose targets are shown [default: every IAM user in the ledgers]
    pub vault: Option<PathBuf>,
    /// Also ask IAM, with this profile of your AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Args)]
pub struct CloudTrailProfile {
    /// Also read CloudTrail, with this profile of your AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

#[derive(Args)]
pub struct ShippedCopy {
    /// Compare the ledger with its copy in the configured bucket
    #[arg(long, conflicts_with = "copy")]
    pub shipped: bool,
}
