//! The help topics, which `breakglass help exit-codes` and `breakglass help environment` print.

use clap::Subcommand;

use crate::error::Result;
use crate::terminal::print;

/// The list of topics that the help shows below the list of commands.
pub const LIST: &str = "\
Help topics:
  breakglass help exit-codes    What each exit status means
  breakglass help environment   The environment variables that breakglass reads and sets";

/// A help topic. Clap has help only for subcommands, so each topic is a hidden subcommand.
#[derive(Subcommand)]
pub enum Topic {
    #[command(hide = true, long_about = EXIT_CODES, help_template = "{about-with-newline}")]
    ExitCodes,
    #[command(hide = true, long_about = ENVIRONMENT, help_template = "{about-with-newline}")]
    Environment,
}

impl Topic {
    /// Prints the topic.
    ///
    /// # Errors
    /// Fails if standard output cannot be written.
    pub fn run(&self) -> Result<()> {
        print::exact(&format!("{}\n", self.text()))
    }

    fn text(&self) -> &'static str {
        match self {
            Self::ExitCodes => EXIT_CODES,
            Self::Environment => ENVIRONMENT,
        }
    }
}

const EXIT_CODES: &str = "\
Exit statuses:
  0      Success
  1      Any other failure
  2      The command line or the input is wrong
  3      No quorum: too few custodians gave a share
  4      No quorum, and only because a YubiKey or a PIN failed;
         or no custodian signed a drill or a review
  5      AWS refused a call, or the IAM user differs from the sealed description;
         nothing is enabled
  6      The vault or the ledger is damaged
  10     Access may still be open; the output says until when, and how to close it
  128+N  Signal N ended the command; access is closed

open -- COMMAND exits 0 only if COMMAND ended by itself with exit status 0. In all
other cases open exits 1. With --pass-status, open exits with the exit status of
COMMAND, except for 10, or with 128+N if signal N ended COMMAND.

status         10 while a window may be open; 1 if a user is not at rest,
               a source could not be read, or a task is overdue
ledger verify  6 if a ledger is damaged, does not contain the given head,
               or differs from its copy
ledger ship    1 if records stay queued or the bucket has no Object Lock
review         1 if CloudTrail data is incomplete, 6 if a ledger is damaged
drill          0 if the drill passed and a custodian signed the evidence";

const ENVIRONMENT: &str = "\
Read by breakglass:
  BREAKGLASS_CONFIG    The configuration file
                       [default: breakglass/config.json in $XDG_CONFIG_HOME or
                       ~/.config, else in /etc]
  BREAKGLASS_STATE     The directory of the ledger
                       [default: breakglass in $XDG_STATE_HOME or ~/.local/state;
                       /var/lib/breakglass if HOME is not set]
  SHELL                The shell that open starts
  PATH                 The directories in which programs are looked up
  BROWSER, DISPLAY, WAYLAND_DISPLAY
                       How open --console opens the link
  TERM                 If dumb, nothing on the screen is erased
  TZ                   The time zone of local times in messages
  AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SERVICE
                       A custom address for AWS; custodians see and sign this address
  AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE
                       The AWS profiles for --profile and for the copy of the ledger
  SSL_CERT_FILE, SSL_CERT_DIR
                       TLS root certificates instead of the system's

AWS access keys in the environment are never used.

Set for a program inside a window:
  BREAKGLASS_UNTIL     The deadline (RFC 3339)
  AWS_REGION, AWS_DEFAULT_REGION
                       The first region of the target
  AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN
                       Where AWS programs fetch their credentials

The AWS variables of the caller are removed, except the addresses of AWS.";
