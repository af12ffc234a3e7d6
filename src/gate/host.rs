//! The traits through which the opening and the closing sequence call the application. Each trait has one purpose.

use std::time::Duration;

use jiff::Timestamp;

use super::window::Window;
use crate::error::Result;

/// AWS's clock.
pub trait Clock {
    /// Returns this machine's estimate of AWS's time.
    fn now(&self) -> Timestamp;
    /// Waits for the duration `time`, or until the operator asks to stop.
    async fn pause(&self, time: Duration);
}

/// The operator's requests to stop.
pub trait Patience {
    /// Whether the operator or a signal asked the opening to stop. An interrupted opening stops before its next
    /// write.
    fn interrupted(&self) -> bool;
    /// Whether the operator asked not to wait any longer for the proof that access is closed.
    fn gave_up(&self) -> bool;
    /// Returns when the operator asks not to wait any longer for the proof that access is closed.
    async fn given_up(&self);
}

/// The output for messages about the progress.
pub trait Reporter {
    /// Prints one line about the progress, or a warning.
    fn say(&self, line: &str);
}

/// The steps of an opening that do not call AWS. Each of these steps must succeed before the next call to AWS.
pub trait OpenHooks {
    /// Sends the alerts, and waits until an alert is acknowledged over one channel. The alerts are the first step of
    /// an opening.
    ///
    /// # Errors
    /// If no alert is acknowledged.
    async fn alert(&self) -> Result<()>;
    /// Records the intent, which shows that this machine opens the session. The intent is recorded before the first
    /// call to AWS.
    ///
    /// # Errors
    /// If the ledger cannot be written, or another session of the same vault is under way.
    fn record_intent(&self) -> Result<()>;
    /// Records the window, so that the end of the window is known even if this process dies. The window is recorded
    /// before the first write to AWS.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    fn record_window(&self, window: &Window) -> Result<()>;
    /// Records that the next write to AWS enables access.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    fn record_enabling(&self) -> Result<()>;
}

/// The child processes that were given access.
pub trait Children {
    /// Ends the child processes, and waits until they have ended.
    async fn end_children(&self);
}
