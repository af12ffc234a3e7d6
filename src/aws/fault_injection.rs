//! Injects the faults of a drill into the HTTP connections to AWS. For the code that uses the connections, an injected
//! fault looks like a real fault.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The duration of the fault [`Injection::CutAtClose`], during which all calls fail.
const CUT: Duration = Duration::from_secs(15);

/// A fault that a drill can inject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Injection {
    /// All calls to IAM fail, from the start of the drill.
    IamDown,
    /// All calls to AWS fail for [`CUT`] after the close has started.
    CutAtClose,
}

/// The faults that one drill injects. All connections of the drill share this value.
#[derive(Clone, Debug, Default)]
pub(crate) struct InjectedFaults(Arc<Mutex<FaultState>>);

#[derive(Debug, Default)]
struct FaultState {
    iam: bool,
    cut_at_close: bool,
    /// The injected faults that have not yet made a call fail.
    unmet: Vec<Injection>,
    /// All calls fail until this instant.
    all: Option<Instant>,
}

impl InjectedFaults {
    pub(crate) fn new(injected: &[Injection]) -> Self {
        let faults = Self::default();
        faults.with(|state| {
            state.unmet = injected.to_vec();
            state.iam = injected.contains(&Injection::IamDown);
            state.cut_at_close = injected.contains(&Injection::CutAtClose);
        });
        faults
    }

    /// Reports whether every injected fault has made at least one call fail. If a fault made no call fail, the drill
    /// did not test this fault.
    pub(crate) fn all_met(&self) -> bool {
        self.with(|state| state.unmet.is_empty())
    }

    /// Reports whether an injected fault is active, or will become active later in the drill.
    pub(crate) fn any(&self) -> bool {
        self.with(|state| state.iam || state.cut_at_close)
    }

    /// If the drill injects [`Injection::CutAtClose`], starts this fault and returns its duration.
    pub(crate) fn begin_close(&self) -> Option<Duration> {
        self.with(|state| {
            let cut = std::mem::take(&mut state.cut_at_close).then_some(CUT);
            state.all = cut.map(|cut| Instant::now() + cut);
            cut
        })
    }

    fn fails(&self, request: &HttpRequest) -> bool {
        // The request's signature names the AWS service, even if the endpoint has a custom address.
        let signed = request.headers().get("authorization").unwrap_or_default();
        self.with(|state| {
            let cut = state.all.is_some_and(|until| Instant::now() < until);
            let iam = state.iam && signed.contains("/iam/aws4_request");
            state.unmet.retain(|injection| match injection {
                Injection::CutAtClose => !cut,
                Injection::IamDown => !iam,
            });
            cut || iam
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut FaultState) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An HTTP client whose calls fail if an injected fault applies to them.
#[derive(Debug)]
pub(crate) struct FaultyHttpClient {
    pub(crate) inner: SharedHttpClient,
    pub(crate) faults: InjectedFaults,
}

impl HttpClient for FaultyHttpClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        with: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, with);
        SharedHttpConnector::new(FaultyConnector { inner, faults: self.faults.clone() })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    faults: InjectedFaults,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.faults.fails(&request) {
            let cut = io::Error::new(io::ErrorKind::NetworkUnreachable, "the drill has cut the network");
            return HttpConnectorFuture::ready(Err(ConnectorError::io(cut.into())));
        }
        self.inner.call(request)
    }
}
