//! Phrases that occur in several messages of a run.

use crate::error::interrupted;
use crate::gate::Lost;
use crate::vault::names::harmless;
use crate::window::Cause;

/// Returns the vault's runbook as text for the terminal, without control characters.
pub(crate) fn runbook(text: &str) -> String {
    let lines: Vec<_> =
        text.trim().lines().map(|line| format!("  {}", harmless(line.trim_end(), '\u{fffd}'))).collect();
    format!("runbook, from the vault:\n{}", lines.join("\n"))
}

/// Describes why a window ended, for the screen, the ledger and alerts.
pub(crate) fn cause(cause: Cause) -> String {
    match cause {
        Cause::Deadline => "time was up".into(),
        Cause::Signal(signal) => interrupted(signal),
        Cause::ChildEnded => "the command ended".into(),
        Cause::Quit => "closed from the keyboard".into(),
        Cause::Lost(Lost::Closed) => "closed by another process".into(),
        Cause::Lost(Lost::Replaced { session, .. }) => format!("replaced by the window of session {session}"),
        Cause::Failed => "opening failed".into(),
        Cause::Panicked => "internal error".into(),
        Cause::Asked => "closed by breakglass close".into(),
    }
}
