//! The operator can make two requests: to stop the opening, and to stop waiting for the proof that access is closed.
//! Each request ends a pause that is in progress.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Interrupt {
    stops_opening: Cell<bool>,
    gave_up: Cell<bool>,
    wake: Notify,
}

impl Interrupt {
    /// Asks the opening sequence to stop before its next write to AWS.
    pub(crate) fn stop_opening(&self) {
        self.stops_opening.set(true);
        self.wake.notify_waiters();
    }

    /// Asks the closing sequence to stop waiting for the proof that access is closed.
    pub(crate) fn give_up(&self) {
        self.gave_up.set(true);
        self.wake.notify_waiters();
    }

    pub(crate) fn stops_opening(&self) -> bool {
        self.stops_opening.get()
    }

    pub(crate) fn gave_up(&self) -> bool {
        self.gave_up.get()
    }

    /// Returns when the operator asks to stop waiting for the proof.
    pub(crate) async fn given_up(&self) {
        while !self.gave_up() {
            self.wake.notified().await;
        }
    }

    /// Waits for `time`, or until the operator makes one of the two requests.
    pub(crate) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.wake.notified() => {}
        }
    }
}
