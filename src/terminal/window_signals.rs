//! Signals to this process, one at a time.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Error, Result};
use crate::signal::Signal as Ending;

/// Every signal that says something about a window.
pub(crate) struct Signals {
    int: Signal,
    quit: Signal,
    term: Signal,
    hup: Signal,
    /// A stopped process could not close: the key for it is taken and does nothing.
    stop: Signal,
    child: Signal,
}

/// One of them.
pub(crate) enum Received {
    /// To end it.
    End(Ending),
    /// A child changed its state.
    Child,
}

impl Signals {
    pub(crate) fn new() -> Result<Self> {
        let on = |kind| signal(kind).map_err(|e| Error::failed(format!("cannot watch for signals: {e}")));
        Ok(Self {
            int: on(SignalKind::interrupt())?,
            quit: on(SignalKind::quit())?,
            term: on(SignalKind::terminate())?,
            hup: on(SignalKind::hangup())?,
            stop: on(SignalKind::from_raw(nix::sys::signal::Signal::SIGTSTP as i32))?,
            child: on(SignalKind::child())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Received {
        loop {
            tokio::select! {
                _ = self.int.recv() => return Received::End(Ending::Int),
                _ = self.quit.recv() => return Received::End(Ending::Quit),
                _ = self.term.recv() => return Received::End(Ending::Term),
                _ = self.hup.recv() => return Received::End(Ending::Hup),
                _ = self.child.recv() => return Received::Child,
                _ = self.stop.recv() => {}
            }
        }
    }
}
