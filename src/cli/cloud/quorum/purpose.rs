//! The purpose of a quorum (open or close), its targets as text, and the question about unencrypted swap.

use crate::error::{Error, Result};
use crate::secret::unencrypted_swap;
use crate::signal::Signal;
use crate::terminal::{NoAnswer, Reply, Terminal, listed};
use crate::vault::manifest::TargetSummary;

#[derive(Clone, Copy)]
pub enum Purpose {
    Open,
    Close,
}

impl Purpose {
    /// Describes the state of access if the quorum is not reached.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Open => "nothing was enabled",
            Self::Close => "nothing was closed, and access may still be open",
        }
    }

    pub fn interrupted(self, signal: Signal) -> Error {
        Error::interrupted(signal, self.outcome())
    }
}

/// Returns the targets as text, each with its user and account.
pub fn target_text(targets: &[TargetSummary]) -> String {
    let of = |t: &TargetSummary| format!("{} (user {}, account {})", t.name, t.user, t.account);
    let targets: Vec<_> = targets.iter().map(of).collect();
    listed(&targets.iter().map(String::as_str).collect::<Vec<_>>(), "and")
}

/// Asks for an explicit yes if secrets could be written to unencrypted swap.
pub fn allow_swap(terminal: &mut Terminal, purpose: Purpose) -> Result<()> {
    let areas = unencrypted_swap();
    if areas.is_empty() {
        return Ok(());
    }
    let prompt = format!(
        "this machine swaps to {} without encryption: copies of secrets inside libraries could reach the disk; \
         type yes to go on: ",
        areas.join(", ")
    );
    match terminal.ask_openly(&prompt) {
        Ok(Reply::Line(line)) if line.expose().trim() == "yes" => Ok(()),
        Err(NoAnswer::Signal(signal)) => Err(purpose.interrupted(signal)),
        _ => Err(Error::failed("swap is on and not encrypted")
            .and(purpose.outcome())
            .next("switch swap off (swapoff -a) and try again")),
    }
}
