//! Defines the command line for the parser clap. Each command validates its arguments later.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::cloud::{CloudCommand, CloudTrailProfile, LedgerCloudCommand, ShippedCopy};
use super::groups::{AcceptedAttestation, Json, Wait};
use super::topics::{self, Topic};
use crate::gate::SessionId;

/// Emergency AWS access that needs several people to open and that AWS closes on time
#[derive(Parser)]
#[command(name = env!("BREAKGLASS_PROGRAM"), version = env!("BREAKGLASS_VERSION"), max_term_width = 100, after_help = topics::LIST)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Enrol a custodian: create the custodian's keys on a YubiKey and write the enrolment file
    Enrol(EnrolArgs),
    /// Seal AWS credentials in a vault that only a quorum of custodians can open; works offline
    Seal(SealArgs),
    /// Show all public information about a vault; needs no token and no secret
    Inspect(InspectArgs),
    #[command(flatten)]
    Cloud(CloudCommand),
    /// Write the review of a session as a page and as JSON, and have a custodian sign it
    Review(ReviewArgs),
    /// Verify or show the ledger, the record of every session
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Print shell completions
    #[command(after_help = "Example:\n  breakglass completions bash > /etc/bash_completion.d/breakglass")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    #[command(flatten)]
    Topic(Topic),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass enrol alice --out alice.json
  breakglass enrol alice --out alice.json --serial 12345678 --attestation-root yubico-roots.pem

The twelve words are shown once, on the terminal. Write them on paper.")]
pub struct EnrolArgs {
    /// The custodian's name
    pub name: String,
    /// The enrolment file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The serial number of the YubiKey, if several are plugged in
    #[arg(long, value_name = "NUMBER")]
    pub serial: Option<u32>,
    /// The file with the attestation root certificates to trust (PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "no_attestation")]
    pub attestation_root: Option<PathBuf>,
    /// Accept an attestation whose root certificate is not Yubico's (this is recorded in the vault)
    #[arg(long, conflicts_with = "no_attestation")]
    pub allow_other_attestation: bool,
    /// Enrol without proof that the YubiKey is genuine (this is recorded in the vault)
    #[arg(long)]
    pub no_attestation: bool,
    #[command(flatten)]
    pub wait: Wait,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass seal --custodian alice.json --custodian bob.json --custodian carol.json \\
    --threshold 2 --label \"prod break-glass\" --out prod.age < credentials.json
  breakglass seal --custodian alice.json --custodian bob.json \\
    --threshold 2 --label prod --out prod.age

Credentials are read as JSON from standard input. At a terminal, the program asks for them.
If the JSON has a field \"drill\", a drill vault is written next to the vault: prod.drill.age.")]
pub struct SealArgs {
    /// An enrolment file; pass this option once for each custodian
    #[arg(long = "custodian", value_name = "FILE", required = true)]
    pub custodians: Vec<PathBuf>,
    /// The number of custodians needed to open the vault
    #[arg(long, value_name = "M")]
    pub threshold: u8,
    /// A name for the vault, for people
    #[arg(long)]
    pub label: String,
    /// The vault file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write ASCII armor (PEM-like text) instead of the binary form
    #[arg(long)]
    pub armor: bool,
    /// Skip the fingerprint check (this is recorded in the vault)
    #[arg(long)]
    pub yes_fingerprints: bool,
    #[command(flatten)]
    pub accepted: AcceptedAttestation,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass inspect prod.age
  breakglass inspect --json prod.age | jq -r .sha256")]
pub struct InspectArgs {
    /// The vault
    pub vault: PathBuf,
    #[command(flatten)]
    pub json: Json,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass review 0123456789abcdef --vault prod.age --profile auditor
  breakglass review 0123456789abcdef --vault prod.age --sign

Without --html and --json, two numbered files are written, such as review-0123456789abcdef.1.html and
review-0123456789abcdef.1.json. No review overwrites an earlier review. Without --json, --sign signs the
newest packet, or writes the first packet and signs it.")]
pub struct ReviewArgs {
    /// The session id, sixteen hex digits
    #[arg(value_parser = session)]
    pub session: SessionId,
    /// The vault that was opened; the signatures of its custodians are checked
    #[arg(long, value_name = "FILE")]
    pub vault: Option<PathBuf>,
    #[command(flatten)]
    pub cloudtrail: CloudTrailProfile,
    /// The ledger of another machine, or a copy of a ledger; can be given several times
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledgers: Vec<PathBuf>,
    /// The HTML page to write
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The packet (the review as JSON) to write; - is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Have a custodian sign the packet with a YubiKey; if the packet file exists, it is signed unchanged
    #[arg(long, requires = "vault", conflicts_with = "html")]
    pub sign: bool,
    #[command(flatten)]
    pub wait: Wait,
}

#[derive(Subcommand)]
pub enum LedgerCommand {
    /// Check the ledger for tampering
    Verify(LedgerVerifyArgs),
    /// Show the records of the ledger
    Show(LedgerShowArgs),
    #[command(flatten)]
    Cloud(LedgerCloudCommand),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass ledger verify
  breakglass ledger verify --vault prod.age --head \"48:six words that an alert has shown\"
  breakglass ledger verify --ledger ledger.jsonl --copy bucket.jsonl")]
pub struct LedgerVerifyArgs {
    /// A ledger file; can be given several times [default: the ledger of this machine]
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledgers: Vec<PathBuf>,
    /// An earlier head of the ledger, from an alert, an approval or the output of ledger verify: six words in quotes,
    /// or 64 hex digits
    #[arg(long, value_name = "HEAD")]
    pub head: Option<String>,
    /// A copy of the ledger to compare the ledger with, as JSON Lines
    #[arg(long, value_name = "FILE")]
    pub copy: Option<PathBuf>,
    #[command(flatten)]
    pub shipped: ShippedCopy,
    /// A vault; the signatures of its custodians are checked; can be given several times
    #[arg(long = "vault", value_name = "FILE")]
    pub vaults: Vec<PathBuf>,
    /// Print one line of JSON for each ledger
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  breakglass ledger show
  breakglass ledger show --session 0123456789abcdef --json")]
pub struct LedgerShowArgs {
    /// A ledger file; can be given several times [default: the ledger of this machine and the configured ledgers]
    #[arg(long = "ledger", value_name = "FILE")]
    pub ledgers: Vec<PathBuf>,
    /// Show only this session
    #[arg(long, value_name = "ID", value_parser = session)]
    pub session: Option<SessionId>,
    /// Print each record as one line of JSON
    #[arg(long)]
    pub json: bool,
}

fn session(text: &str) -> Result<SessionId, &'static str> {
    text.parse().map_err(|()| "a session id is sixteen lower-case hex digits")
}
