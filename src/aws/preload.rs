//! Loads endpoints and TLS roots in the background, while the custodians type words and PINs. This code handles no
//! secret and sends nothing.

use std::thread::JoinHandle;

use tokio::runtime::Runtime;

use crate::aws::clients::AwsConfig;
use crate::custody::statement::network::CustomEndpoint;
use crate::error::{Error, Result};

/// An [`AwsConfig`] that a background thread is loading or has loaded.
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

    /// Waits until the configuration is loaded, and returns its [`AwsConfig::custom_endpoints`].
    ///
    /// # Errors
    /// Fails if the tokio runtime cannot be started, or if an endpoint is not valid.
    pub(crate) fn custom_endpoints(&mut self) -> Result<Vec<CustomEndpoint>> {
        let aws = self.config(&runtime()?);
        let custom_endpoints = aws.custom_endpoints()?;
        self.loaded = Some(aws);
        Ok(custom_endpoints)
    }

    /// Returns the loaded configuration. If the background thread has failed, loads the configuration now.
    pub(crate) fn config(&mut self, runtime: &Runtime) -> AwsConfig {
        match (self.loaded.take(), self.thread.take().map(JoinHandle::join)) {
            (Some(aws), _) | (None, Some(Ok(Ok(aws)))) => aws,
            _ => runtime.block_on(AwsConfig::load()),
        }
    }
}

/// Creates a single-threaded tokio runtime.
pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::failed(format!("cannot start the runtime for AWS calls: {e}")))
}
