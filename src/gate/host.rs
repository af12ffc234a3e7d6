//! The traits through which the opening sequence and the closing sequence call the application.

use std::time::Duration;

use jiff::Timestamp;

use super::window::Window;
use crate::error::Result;

/// AWS's clock.
pub trait Clock {
    /// Returns this machine's estimate of AWS's time.
    fn now(&self) -> Timestamp;
    /// Waits for the duration `time`. Returns early if the operator asks to stop.
    async fn pause(&self, time: Duration);
}

/// The operator's requests to stop.
pub trait Patience {
    /// Whether the operator or a signal asked the opening to stop. The opening then stops before its next write.
    fn interrupted(&self) -> bool;
    /// Whether the operator asked to stop waiting for the proof that access is closed.
    fn gave_up(&self) -> bool;
    /// Waits until the operator asks to stop waiting for the proof that access is closed.
    async fn given_up(&self);
}

/// Prints messages about the progress.
pub trait Reporter {
    /// Prints one line about the progress, or a warning.
    fn say(&self, line: &str);
}

/// The steps of an opening that do not call AWS. Each step of this trait must succeed before the next call to AWS.
pub trait OpenHooks {
    /// Sends the alerts, and waits until one channel acknowledges an alert. Sending the alerts is the first step of an
    /// opening.
    ///
    /// # Errors
    /// If no alert is acknowledged.
    async fn alert(&self) -> Result<()>;
    /// Records the intent before the first call to AWS. The intent shows that this machine opens the session.
    ///
    /// # Errors
    /// If the ledger cannot be written, or if another session of the same vault is in progress.
    fn record_intent(&self) -> Result<()>;
    /// Records the window before the first write to AWS. If this process dies, the ledger shows the end of the window.
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

/// The child processes that have credentials.
pub trait Children {
    /// Ends the child processes, and waits until they have ended.
    async fn end_children(&self);
}
