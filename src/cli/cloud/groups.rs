//! Options that several commands of the full build share.

use clap::Args;

use crate::events::Events;

/// `--json`, for events.
#[derive(Args, Clone, Copy)]
pub struct JsonEvents {
    /// Print events as JSON Lines on standard output
    #[arg(long)]
    pub json: bool,
}

impl JsonEvents {
    /// Returns the destination of events: standard output with `--json`, otherwise none.
    pub fn events(self) -> Events {
        Events::to_stdout(self.json)
    }
}

/// `--target`.
#[derive(Args, Clone)]
pub struct TargetName {
    /// The target's name, if the vault has several targets
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
}

impl TargetName {
    pub fn as_deref(&self) -> Option<&str> {
        self.target.as_deref()
    }
}

/// `--no-alert`.
#[derive(Args, Clone)]
pub struct NoAlert {
    /// The reason for opening although no alert is acknowledged; it is recorded and signed
    #[arg(long, value_name = "WHY")]
    pub no_alert: Option<String>,
}

impl NoAlert {
    pub fn as_deref(&self) -> Option<&str> {
        self.no_alert.as_deref()
    }
}
