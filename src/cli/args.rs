//! The command line as it is written.

#[cfg(feature = "cloud")]
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "cloud")]
pub use super::cloud::inject::Inject;

use crate::gate::SessionId;
use crate::vault::duration::Span;

/// Emergency AWS credentials that take a quorum of hardware tokens to open, and that AWS itself shuts.
#[derive(Parser)]
#[command(name = env!("BREAKGLASS_PROGRAM"), version = env!("BREAKGLASS_VERSION"), max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make a custodian's keys on their YubiKey, and the file that a sealing needs of them
    Enrol(Enrol),
    /// Seal credentials for a quorum of custodians, offline
    Seal(Seal),
    /// Show everything public about a vault; needs no token and no secret
    Inspect(Inspect),
    /// Open a vault with a quorum: enable the emergency user for a window, then disable it
    #[cfg(feature = "cloud")]
    #[command(alias = "unseal")]
    Open(Open),
    /// Practise an opening with real tokens and parts, on a drill vault
    #[cfg(feature = "cloud")]
    Drill(Drill),
    /// Close what an interrupted run left open, with a quorum or with AWS credentials of your own
    #[cfg(feature = "cloud")]
    Close(Close),
    /// Tell whether a window may be open: whose, and until when
    #[cfg(feature = "cloud")]
    Status(Status),
    /// Make the review after a use: one page, the same as JSON, and a custodian's signature under it
    Review(Review),
    /// Verify, show or ship the record of every use
    Ledger {
        #[command(subcommand)]
        command: Ledger,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
pub struct Enrol {
    /// The custodian's name
    pub name: String,
    /// The enrolment file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The YubiKey to use, when several are plugged in
    #[arg(long, value_name = "NUMBER")]
    pub serial: Option<u32>,
    /// Certificates (PEM) that a genuine token's attestation leads to
    #[arg(long, value_name = "FILE", conflicts_with = "no_attestation")]
    pub attestation_root: Option<PathBuf>,
    /// Enrol without proof that the token is genuine; recorded and shown from then on
    #[arg(long)]
    pub no_attestation: bool,
    /// How long to wait for the YubiKey
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
}

#[derive(Args)]
pub struct Seal {
    /// An enrolment file; once for each custodian
    #[arg(long = "custodian", value_name = "FILE", required = true)]
    pub custodians: Vec<PathBuf>,
    /// How many custodians it takes to open
    #[arg(long, value_name = "M")]
    pub threshold: u8,
    /// A name for people
    #[arg(long)]
    pub label: String,
    /// The vault file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write the text form (PEM-like armor) instead of the binary one
    #[arg(long)]
    pub armor: bool,
    /// Do not have the fingerprint words typed in; recorded in the vault
    #[arg(long)]
    pub yes_fingerprints: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Ledger {
    /// Find whatever was changed, taken out, put in, moved or cut off
    Verify(LedgerVerify),
    /// Show what happened
    Show(LedgerShow),
    /// Send what is queued to the configured bucket; for cron
    #[cfg(feature = "cloud")]
    Ship,
}

#[derive(Args)]
pub struct LedgerVerify {
    /// A ledger's file, once for each; this machine's own without it
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledgers: Vec<PathBuf>,
    /// An earlier head, as six words in quotes or in hex: an alert, an approval or an earlier verify showed it
    #[arg(long, value_name = "HEAD")]
    pub head: Option<String>,
    /// A copy to compare with, in JSON Lines
    #[arg(long, value_name = "FILE")]
    pub copy: Option<PathBuf>,
    /// Compare with what was shipped to the configured bucket
    #[cfg(feature = "cloud")]
    #[arg(long, conflicts_with = "copy")]
    pub shipped: bool,
    /// A vault whose custodians' keys the signatures are checked with; once for each
    #[arg(long = "vault", value_name = "FILE")]
    pub vaults: Vec<PathBuf>,
    /// Print one line of JSON for each ledger
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct LedgerShow {
    /// A ledger's file, once for each; this machine's own and the configured ones without it
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledgers: Vec<PathBuf>,
    /// Only this session
    #[arg(long, value_name = "ID", value_parser = session)]
    pub session: Option<SessionId>,
    /// Print each record as one line of JSON
    #[arg(long)]
    pub json: bool,
}

fn session(text: &str) -> Result<SessionId, &'static str> {
    text.parse().map_err(|()| "a session id is sixteen lower-case hex digits")
}

#[derive(Args)]
pub struct Inspect {
    /// The vault
    pub vault: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(feature = "cloud")]
#[derive(Args)]
pub struct Open {
    /// The vault
    pub vault: PathBuf,
    /// How long the window is, like 90s, 45m or 1h30m
    #[arg(long = "for", value_name = "TIME")]
    pub window: Span,
    /// Why, for the record
    #[arg(long)]
    pub reason: String,
    /// Why these credentials are opened once more, after an opening before
    #[arg(long, value_name = "WHY")]
    pub again: Option<String>,
    /// Why it is opened although nobody acknowledges the alert
    #[arg(long, value_name = "WHY")]
    pub no_alert: Option<String>,
    /// The target to open, when the vault has several
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// How long to wait for the custodians
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
    /// Keep the window open without handing anything out
    #[arg(long, conflicts_with = "command")]
    pub hold: bool,
    /// Keep it open and sign your browser in to the AWS console; the link is shown where there is no browser
    #[arg(long, conflicts_with_all = ["command", "hold"])]
    pub console: bool,
    /// Tell what happens as JSON Lines on standard output; a command's own output goes to standard error then
    #[arg(long)]
    pub json: bool,
    /// The command to run inside the window; your shell without one
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[cfg(feature = "cloud")]
#[derive(Args)]
pub struct Drill {
    /// The drill vault: the .drill.age file that seal wrote beside the vault
    pub vault: PathBuf,
    /// How long the window is
    #[arg(long = "for", value_name = "TIME", default_value = "5m")]
    pub window: Span,
    /// Why, for the record
    #[arg(long, default_value = "a drill")]
    pub reason: String,
    /// Why it is held although nobody acknowledges the alert
    #[arg(long, value_name = "WHY")]
    pub no_alert: Option<String>,
    /// The target to open, when the vault has several
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// What to make fail: absent=NAME, iam-down or cut-at-close; may be given several times
    #[arg(long, value_name = "FAILURE")]
    pub inject: Vec<Inject>,
    /// How long to wait for the custodians
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
    /// The evidence to write; drill-SESSION.json without it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Tell what happens as JSON Lines on standard output
    #[arg(long)]
    pub json: bool,
    /// The command to run inside the window; it may only make the probe
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[cfg(feature = "cloud")]
#[derive(Args)]
pub struct Close {
    /// The vault
    pub vault: PathBuf,
    /// Use this profile of your own AWS configuration instead of a quorum
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The target to close, when the vault has several
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// How long to wait for the custodians
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
    /// Close a window that another machine opened
    #[arg(long)]
    pub force: bool,
    /// Tell what happens as JSON Lines on standard output
    #[arg(long)]
    pub json: bool,
}

#[cfg(feature = "cloud")]
#[derive(Args)]
pub struct Status {
    /// The vault whose targets are meant; without it, all that this machine ever opened
    pub vault: Option<PathBuf>,
    /// Ask IAM as well, with this profile of your own AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct Review {
    /// The session, sixteen hex digits
    #[arg(value_parser = session)]
    pub session: SessionId,
    /// The vault that was opened, to check the signatures against
    #[arg(long, value_name = "FILE")]
    pub vault: Option<PathBuf>,
    /// Ask CloudTrail, with this profile of your own AWS configuration
    #[cfg(feature = "cloud")]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Another machine's ledger, or a copy; may be given several times
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledgers: Vec<PathBuf>,
    /// The page to write; without --html and --json, both are written: review-SESSION.html and .json
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The packet to write as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Have a custodian's token sign the packet; one that is there already is signed as it is
    #[arg(long, requires = "vault", conflicts_with = "html")]
    pub sign: bool,
    /// How long to wait for the custodian
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
}
