//! Two requests of the operator: to stop the opening, and to stop waiting for the proof that access is closed. Each
//! request also ends a current pause.

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

    /// Waits until the operator asks to stop waiting for the proof that access is closed.
    pub(crate) async fn given_up(&self) {
        while !self.gave_up() {
            self.wake.notified().await;
        }
    }

    /// Waits for `time`, or until the operator makes a request. Does not wait if the operator has already asked to stop
    /// waiting for the proof.
    pub(crate) async fn pause(&self, time: Duration) {
        if self.gave_up() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.wake.notified() => {}
        }
    }
}
