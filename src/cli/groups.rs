//! Options that several commands share.

use std::time::Duration;

use clap::Args;

use crate::vault::duration::Span;

/// `--wait`.
#[derive(Args, Clone, Copy)]
pub struct Wait {
    /// How long to wait for YubiKeys and their custodians
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub wait: Span,
}

impl Wait {
    pub fn duration(self) -> Duration {
        self.wait.duration()
    }
}

/// `--json`, for a result.
#[derive(Args, Clone, Copy)]
pub struct Json {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
