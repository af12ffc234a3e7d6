//! Options that several commands share.

use std::time::Duration;

use clap::Args;

use crate::vault::duration::Span;

#[derive(Args, Clone, Copy)]
pub struct Wait {
    /// How long to wait for custodians and their YubiKeys
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
}

impl Wait {
    pub fn duration(self) -> Duration {
        self.wait.duration()
    }
}

/// The option `--json` of a command that prints one result.
#[derive(Args, Clone, Copy)]
pub struct Json {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// The options with which `seal` accepts tokens without Yubico's attestation.
#[derive(Args, Clone, Copy)]
pub struct AcceptedAttestation {
    /// Accept custodians whose YubiKey is attested by a root that is not Yubico's (this is recorded in the vault)
    #[arg(long)]
    pub allow_other_attestation: bool,
    /// Accept custodians whose YubiKey is not attested (this is recorded in the vault)
    #[arg(long)]
    pub allow_no_attestation: bool,
}
