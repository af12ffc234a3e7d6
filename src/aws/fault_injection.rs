//! Failures that a drill makes on purpose, in the connections themselves: nothing above them knows.

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

/// How long the network stays away when it is cut.
const CUT: Duration = Duration::from_secs(15);

/// What a drill makes fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Injection {
    /// IAM does not answer, from the start.
    IamDown,
    /// Nothing answers for a while, from the moment the close begins.
    CutAtClose,
}

/// What fails now.
#[derive(Clone, Debug, Default)]
pub struct Failures(Arc<Mutex<Failing>>);

#[derive(Debug, Default)]
struct Failing {
    iam: bool,
    cut_at_close: bool,
    /// Of what was to fail, this has not yet.
    unmet: Vec<Injection>,
    /// Everything, until then.
    all: Option<Instant>,
}

impl Failures {
    /// Makes these fail.
    pub fn of(injected: &[Injection]) -> Self {
        let failures = Self::default();
        failures.with(|failing| {
            failing.unmet = injected.to_vec();
            failing.iam = injected.contains(&Injection::IamDown);
            failing.cut_at_close = injected.contains(&Injection::CutAtClose);
        });
        failures
    }

    /// Everything that was to fail did: what ended otherwise before that was no practice of it.
    pub fn all_met(&self) -> bool {
        self.with(|failing| failing.unmet.is_empty())
    }

    /// Something is to fail.
    pub(crate) fn any(&self) -> bool {
        self.with(|failing| failing.iam || failing.cut_at_close)
    }

    /// The close begins. How long nothing answers from here, if that was wanted.
    pub(crate) fn close_begins(&self) -> Option<Duration> {
        self.with(|failing| {
            let cut = std::mem::take(&mut failing.cut_at_close).then_some(CUT);
            failing.all = cut.map(|cut| Instant::now() + cut);
            cut
        })
    }

    fn fails(&self, request: &HttpRequest) -> bool {
        // The signature says which service it is for, whatever its endpoint is called.
        let signed = request.headers().get("authorization").unwrap_or_default();
        self.with(|failing| {
            let cut = failing.all.is_some_and(|until| Instant::now() < until);
            let iam = failing.iam && signed.contains("/iam/aws4_request");
            failing.unmet.retain(|of| match of {
                Injection::CutAtClose => !cut,
                Injection::IamDown => !iam,
            });
            cut || iam
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Failing) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Connections of which some fail.
#[derive(Debug)]
pub(crate) struct Failable {
    pub(crate) inner: SharedHttpClient,
    pub(crate) failures: Failures,
}

impl HttpClient for Failable {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        with: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, with);
        SharedHttpConnector::new(Connector { inner, failures: self.failures.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    failures: Failures,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.failures.fails(&request) {
            let cut = io::Error::new(io::ErrorKind::NetworkUnreachable, "the drill has cut the network");
            return HttpConnectorFuture::ready(Err(ConnectorError::io(cut.into())));
        }
        self.inner.call(request)
    }
}
