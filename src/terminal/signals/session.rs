//! Catches signals during a session, and returns one signal per call.

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::error::{Error, Result};
use crate::signal::Signal;

/// Every signal that a session reacts to.
pub(crate) struct SessionSignals {
    int: Stream,
    quit: Stream,
    term: Stream,
    hup: Stream,
    /// SIGTSTP is caught and ignored, because a stopped process could not close access.
    stop: Stream,
    child: Stream,
}

pub(crate) enum Received {
    End(Signal),
    /// A child process has changed its state (SIGCHLD).
    Child,
}

impl SessionSignals {
    pub(crate) fn new() -> Result<Self> {
        let on = |kind| {
            signal(kind).map_err(|e| Error::failed(format!("cannot watch for signals: {e}")).caused_by(e))
        };
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
                _ = self.int.recv() => return Received::End(Signal::Int),
                _ = self.quit.recv() => return Received::End(Signal::Quit),
                _ = self.term.recv() => return Received::End(Signal::Term),
                _ = self.hup.recv() => return Received::End(Signal::Hup),
                _ = self.child.recv() => return Received::Child,
                _ = self.stop.recv() => {}
            }
        }
    }
}
