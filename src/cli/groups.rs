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

/// `--json` of a command that prints one result.
#[derive(Args, Clone, Copy)]
pub struct Json {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
