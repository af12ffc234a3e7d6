//! The ports to the program that runs a sequence, one small trait per job.

use std::time::Duration;

use jiff::Timestamp;

use super::window::Window;
use crate::error::Result;

/// AWS's clock.
pub trait Clock {
    /// Returns AWS's time, as last measured.
    fn now(&self) -> Timestamp;
    /// Waits this long, or until the operator asks to stop.
    async fn pause(&self, time: Duration);
}

/// The operator's requests to stop.
pub trait Patience {
    /// Whether the opening has to stop before its next write.
    fn interrupted(&self) -> bool;
    /// Whether the operator no longer waits for the proof that access is closed.
    fn gave_up(&self) -> bool;
}

/// Where progress is printed.
pub trait Reporter {
    /// Prints one line of progress, or a warning.
    fn say(&self, line: &str);
}

/// The steps of an opening outside AWS. Each must succeed before the next call to AWS.
pub trait OpenHooks {
    /// Sends the alerts and waits until one channel acknowledges. This is the first step.
    ///
    /// # Errors
    /// If no channel acknowledges.
    async fn alert(&self) -> Result<()>;
    /// Records the intent, which assigns the session to this machine. This precedes the first call to AWS.
    ///
    /// # Errors
    /// If the ledger cannot be written, or another session of the same vault is under way.
    fn record_intent(&self) -> Result<()>;
    /// Records the window, so that its end is known even if this process dies. This precedes the first write.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    fn record_window(&self, window: &Window) -> Result<()>;
    /// Records that the next write enables access.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    fn record_enabling(&self) -> Result<()>;
}

/// The programs that were given access.
pub trait Children {
    /// Ends the programs and waits until they have ended.
    async fn end_children(&self);
}
