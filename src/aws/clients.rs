//! Clients for keys that came out of the vault: made by hand, nothing cached, nothing left when dropped.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::service_config::ServiceConfigKey;

use crate::aws::clock::AwsClock;
use crate::aws::fault_injection::{Failable, Failures};
use crate::secret::SecretText;
use crate::vault::payload::AccessKey;

const CONNECT: Duration = Duration::from_secs(4);
const ATTEMPT: Duration = Duration::from_secs(8);
const ALL_ATTEMPTS: Duration = Duration::from_secs(20);

/// What every client shares: endpoints, connections, time. It holds no secret.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    config: SdkConfig,
    pub(crate) clock: AwsClock,
}

/// One pool for all clients. Making a client does not parse the TLS roots again to see that they are good.
#[derive(Debug)]
struct Connections(SharedHttpClient);

impl HttpClient for Connections {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        with: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, with)
    }
}

/// The services that an opening speaks to, by the ids that the shared configuration knows.
const SERVICES: [&str; 3] = ["IAM", "STS", "SNS"];

/// How often the SDK itself sends a call.
#[derive(Clone, Copy)]
pub(crate) enum Tries {
    /// Writes, and probes that are repeated anyway.
    One,
    /// Reads.
    Four,
}

impl Base {
    /// Endpoints from the environment and the shared configuration; no credentials from there.
    pub(crate) async fn load() -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .no_credentials()
            .region(Region::new("us-east-1"))
            .http_client(http.clone())
            .load()
            .await;
        // A client's making loads the TLS roots; they stay loaded.
        drop(aws_sdk_sts::Client::new(&config));
        let config = config.into_builder().http_client(Connections(http)).build();
        Self { config, clock: AwsClock::default() }
    }

    /// Where AWS is taken to be, if that is not its own addresses: in words, for whoever approves an opening.
    pub(crate) fn elsewhere(&self) -> Option<String> {
        let own = |service: &'static str| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url");
            let found = self.config.service_config()?.load_config(key.build().ok()?)?;
            Some(format!("{service} at {found}"))
        };
        let all = self.config.endpoint_url().map(str::to_owned);
        let each = SERVICES
            .into_iter()
            .filter_map(own)
            .filter(|of| !all.iter().any(|all| of.ends_with(&format!(" at {all}"))));
        let all: Vec<_> = all.iter().cloned().chain(each).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// The same, with connections of which some fail.
    pub(crate) fn failing(&self, failures: &Failures) -> Self {
        let Some(inner) = self.config.http_client() else { return self.clone() };
        let http = Failable { inner, failures: failures.clone() };
        Self { config: self.config.to_builder().http_client(http).build(), clock: self.clock.clone() }
    }

    /// For whoever brings credentials of their own.
    pub(crate) fn anybody(&self) -> SdkConfig {
        let timeout =
            TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(ALL_ATTEMPTS).build();
        let config = self.config.to_builder().timeout_config(timeout).time_source(self.clock.clone());
        config.disable_clock_skew_correction(true).build()
    }

    /// For one principal in one region.
    pub(crate) fn principal(&self, credentials: Credentials, region: &str, tries: Tries) -> SdkConfig {
        self.with(SharedCredentialsProvider::new(credentials), region, tries)
    }

    /// For whoever the provider says.
    pub(crate) fn with(&self, provider: SharedCredentialsProvider, region: &str, tries: Tries) -> SdkConfig {
        let retry = match tries {
            Tries::One => RetryConfig::disabled(),
            Tries::Four => RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(200))
                .with_max_backoff(Duration::from_secs(3)),
        };
        let timeout = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .read_timeout(ATTEMPT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(ALL_ATTEMPTS)
            .build();
        self.config
            .to_builder()
            .region(Region::new(region.to_owned()))
            .credentials_provider(provider)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(retry)
            .timeout_config(timeout)
            .time_source(self.clock.clone())
            .disable_clock_skew_correction(true)
            .build()
    }
}

/// A long-term key for the SDK.
pub(crate) fn long_term(key: &AccessKey) -> Credentials {
    Credentials::new(key.id.clone(), key.secret.expose(), None, None, "vault")
}

/// A session for the SDK.
pub(crate) fn session(id: &str, secret: &SecretText, token: &SecretText) -> Credentials {
    Credentials::new(id, secret.expose(), Some(token.expose().to_owned()), None, "vault")
}
