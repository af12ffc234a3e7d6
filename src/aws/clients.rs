//! Configures the AWS clients. The caller passes the credentials. The program never caches credentials, and drops them
//! together with the client.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
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
use crate::aws::fault_injection::{FaultyHttpClient, InjectedFaults};
use crate::custody::statement::network::CustomEndpoint;
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::secret::SecretText;
use crate::vault::payload::AccessKey;

const CONNECT: Duration = Duration::from_secs(4);
const ATTEMPT: Duration = Duration::from_secs(8);
const ALL_ATTEMPTS: Duration = Duration::from_secs(20);

/// The configuration that all AWS clients share: the endpoints, the connection pool and the clock. This value holds no
/// credentials.
#[derive(Clone, Debug)]
pub(crate) struct AwsConfig {
    config: SdkConfig,
    pub(crate) clock: AwsClock,
}

/// The connection pool of all AWS clients. This type does not forward `validate_base_client_config` to the pool,
/// because that call would parse the TLS roots again for each client.
#[derive(Debug)]
struct SharedPool(SharedHttpClient);

impl HttpClient for SharedPool {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        with: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, with)
    }
}

/// The AWS services that an opening calls. The names are the service ids that the shared AWS configuration uses.
const SERVICES: [&str; 3] = ["IAM", "STS", "SNS"];

/// The largest number of attempts that the SDK makes for one call.
#[derive(Clone, Copy)]
pub(crate) enum Tries {
    /// One attempt, for writes and probes. The SDK must not repeat writes and probes. The program itself repeats
    /// probes.
    One,
    /// Up to four attempts, for reads.
    Four,
}

impl AwsConfig {
    /// Loads the endpoints from the environment and from the shared AWS configuration. Loads no credentials.
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
        // Creating the first client loads the TLS roots into the pool.
        drop(aws_sdk_sts::Client::new(&config));
        let config = config.into_builder().http_client(SharedPool(http)).build();
        Self { config, clock: AwsClock::default() }
    }

    /// Returns a copy of this configuration whose calls carry the session's id in the user agent, as
    /// `app/breakglass-SESSION`. CloudTrail logs the user agent.
    pub(crate) fn for_session(&self, session: SessionId) -> Self {
        let name = AppName::new(session.traced()).ok();
        let mut config = self.config.to_builder();
        config.set_app_name(name);
        Self { config: config.build(), clock: self.clock.clone() }
    }

    /// Returns the custom endpoints of AWS. The custodians see these endpoints before they approve an opening.
    ///
    /// # Errors
    /// The error has the status `Usage` if an endpoint is not a URL that consists of scheme, host and port.
    pub(crate) fn custom_endpoints(&self) -> Result<Vec<CustomEndpoint>> {
        let custom = |service: &'static str| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url");
            let url = self.config.service_config()?.load_config(key.build().ok()?)?;
            Some((service, url.clone()))
        };
        let parsed = |(service, url): (&str, String)| {
            CustomEndpoint::parse(&service.to_ascii_lowercase(), &url).map_err(|why| {
                Error::usage(format!("the custom endpoint of AWS is not valid: {why}"))
                    .next("correct AWS_ENDPOINT_URL or endpoint_url, for example http://localhost:4566")
            })
        };
        let all = self.config.endpoint_url().map(|url| parsed(("*", url.to_owned()))).transpose()?;
        let mut endpoints: Vec<_> = all.into_iter().collect();
        for endpoint in SERVICES.into_iter().filter_map(custom).map(parsed) {
            let endpoint = endpoint?;
            let is_same = |all: &CustomEndpoint| {
                (&all.host, all.port, all.scheme) == (&endpoint.host, endpoint.port, endpoint.scheme)
            };
            if !endpoints.iter().any(is_same) {
                endpoints.push(endpoint);
            }
        }
        endpoints.sort_by(|a, b| a.service.cmp(&b.service));
        Ok(endpoints)
    }

    /// Returns a copy of this configuration whose connections fail with the faults that a drill injects.
    pub(crate) fn with_faults(&self, faults: &InjectedFaults) -> Self {
        let Some(inner) = self.config.http_client() else { return self.clone() };
        let http = FaultyHttpClient { inner, faults: faults.clone() };
        Self { config: self.config.to_builder().http_client(http).build(), clock: self.clock.clone() }
    }

    /// Returns a client configuration without credentials. The caller adds the credentials.
    pub(crate) fn without_credentials(&self) -> SdkConfig {
        let timeout =
            TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(ALL_ATTEMPTS).build();
        let config = self.config.to_builder().timeout_config(timeout).time_source(self.clock.clone());
        config.disable_clock_skew_correction(true).build()
    }

    /// Returns a client configuration with the credentials of one principal, for one region.
    pub(crate) fn with_credentials(&self, credentials: Credentials, region: &str, tries: Tries) -> SdkConfig {
        self.with_provider(SharedCredentialsProvider::new(credentials), region, tries)
    }

    /// Returns a client configuration with a credentials provider, for one region. The provider can refresh its
    /// credentials.
    pub(crate) fn with_provider(
        &self,
        provider: SharedCredentialsProvider,
        region: &str,
        tries: Tries,
    ) -> SdkConfig {
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

/// Converts a long-term access key to the SDK's type.
pub(crate) fn long_term(key: &AccessKey) -> Credentials {
    Credentials::new(key.id.clone(), key.secret.expose(), None, None, "vault")
}

/// Converts session credentials to the SDK's type.
pub(crate) fn session(id: &str, secret: &SecretText, token: &SecretText) -> Credentials {
    Credentials::new(id, secret.expose(), Some(token.expose().to_owned()), None, "vault")
}
