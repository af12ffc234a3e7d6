//! Done while custodians are asked: endpoints and TLS roots. It holds no secret and sends nothing.

use std::thread::JoinHandle;

use tokio::runtime::Runtime;

use crate::aws::clients::Base;
use crate::error::{Error, Result};

/// Being made ready on a thread of its own.
#[derive(Debug)]
pub struct Warm {
    thread: Option<JoinHandle<Result<Base>>>,
    made: Option<Base>,
}

impl Warm {
    /// Starts; returns at once.
    pub fn start() -> Self {
        let thread = std::thread::Builder::new().name("warm".into());
        Self { thread: thread.spawn(|| Ok(runtime()?.block_on(Base::load()))).ok(), made: None }
    }

    /// Where AWS is taken to be, if that is not its own addresses; waits until that is known.
    ///
    /// # Errors
    /// When the runtime cannot be started.
    pub fn elsewhere(&mut self) -> Result<Option<String>> {
        let base = self.base(&runtime()?);
        let elsewhere = base.elsewhere();
        self.made = Some(base);
        Ok(elsewhere)
    }

    /// What was made ready; made now if it was not.
    pub(crate) fn base(&mut self, runtime: &Runtime) -> Base {
        match (self.made.take(), self.thread.take().map(JoinHandle::join)) {
            (Some(base), _) | (None, Some(Ok(Ok(base)))) => base,
            _ => runtime.block_on(Base::load()),
        }
    }
}

/// One thread is enough for a few calls.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("cannot start the runtime for AWS calls: {e}")))
}
