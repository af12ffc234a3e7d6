//! Loads endpoints and TLS roots in the background while custodians are asked. It holds no secret and sends nothing.

use std::thread::JoinHandle;

use tokio::runtime::Runtime;

use crate::aws::clients::AwsConfig;
use crate::custody::statement::network::CustomEndpoint;
use crate::error::{Error, Result};

/// An [`AwsConfig`] that a thread is loading, or has loaded.
#[derive(Debug)]
pub(crate) struct Preload {
    thread: Option<JoinHandle<Result<AwsConfig>>>,
    loaded: Option<AwsConfig>,
}

impl Preload {
    pub(crate) fn start() -> Self {
        let thread = std::thread::Builder::new().name("preload".into());
        Self { thread: thread.spawn(|| Ok(runtime()?.block_on(AwsConfig::load()))).ok(), loaded: None }
    }

    /// Waits for the configuration and returns its [`AwsConfig::custom_endpoints`].
    ///
    /// # Errors
    /// If the runtime cannot be started, or an endpoint is not valid.
    pub(crate) fn custom_endpoints(&mut self) -> Result<Vec<CustomEndpoint>> {
        let aws = self.config(&runtime()?);
        let custom_endpoints = aws.custom_endpoints()?;
        self.loaded = Some(aws);
        Ok(custom_endpoints)
    }

    /// Returns the loaded configuration, or loads it now.
    pub(crate) fn config(&mut self, runtime: &Runtime) -> AwsConfig {
        match (self.loaded.take(), self.thread.take().map(JoinHandle::join)) {
            (Some(aws), _) | (None, Some(Ok(Ok(aws)))) => aws,
            _ => runtime.block_on(AwsConfig::load()),
        }
    }
}

/// Creates a single-threaded runtime.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("cannot start the runtime for AWS calls: {e}")))
}
