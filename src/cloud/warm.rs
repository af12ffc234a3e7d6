//! Done while custodians are asked: endpoints and TLS roots. It holds no secret and sends nothing.

use std::thread::JoinHandle;

use tokio::runtime::Runtime;

use super::clients::Base;
use crate::error::{Error, Result};

/// Being made ready on a thread of its own.
#[derive(Debug)]
pub struct Warm(Option<JoinHandle<Result<Base>>>);

impl Warm {
    /// Starts; returns at once.
    pub fn start() -> Self {
        let thread = std::thread::Builder::new().name("warm".into());
        Self(thread.spawn(|| Ok(runtime()?.block_on(Base::load()))).ok())
    }

    /// What was made ready; made now if it was not.
    pub(super) fn base(&mut self, runtime: &Runtime) -> Base {
        match self.0.take().map(JoinHandle::join) {
            Some(Ok(Ok(base))) => base,
            _ => runtime.block_on(Base::load()),
        }
    }
}

/// One thread is enough for a few calls.
pub(super) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("cannot start the runtime for AWS calls: {e}")))
}
