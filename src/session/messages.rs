//! Phrases that occur in several messages of a run.

use crate::error::interrupted;
use crate::gate::Lost;
use crate::window::Cause;

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
