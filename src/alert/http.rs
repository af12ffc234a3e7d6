//! Sends HTTP POST requests, and does not follow redirects. The URL can be a secret, so no error message contains the
//! URL.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::{DateTime, Format};

use super::receipt::Failure;
use crate::secret::SecretText;

/// The connection pool that all channels share. The pool is created only once, because each new pool loads the system's
/// TLS root certificates. The pool holds URLs, which can be secret, so it is dropped together with [`super::Alerts`].
#[derive(Clone, Debug, Default)]
pub(super) struct Http(Arc<OnceLock<Connector>>);

/// The largest number of bytes that the program reads from the body of a response.
const MAX_BODY: usize = 64 * 1024;
/// The time limit for reading the body of a response.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// A successful response.
pub(super) struct HttpResponse {
    pub status: u16,
    /// The first [`MAX_BODY`] bytes of the body.
    pub body: Vec<u8>,
}

impl Http {
    fn connector(&self) -> &Connector {
        let make = || Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        self.0.get_or_init(make)
    }

    /// Sends `body` to `url`. Fails if the HTTP status is not 2xx.
    pub(super) async fn post(
        &self,
        url: &SecretText,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<HttpResponse, Failure> {
        self.post_dated(url, headers, body).await.map_err(|(failure, _)| failure)
    }

    /// Sends `body` to `url`, like [`Self::post`]. If the receiver refuses the request, also returns the receiver's
    /// time, from the `Date` header of the response.
    pub(super) async fn post_dated(
        &self,
        url: &SecretText,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<HttpResponse, (Failure, Option<SystemTime>)> {
        let refused = |why: &str| (Failure::Permanent(why.into()), None);
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| refused("the request is not valid"))?;
        request.set_uri(url.expose()).map_err(|_| refused("the URL is not valid"))?;
        request.headers_mut().insert("content-type", "application/json");
        request.headers_mut().insert("user-agent", concat!("breakglass/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        let answer = self.connector().call(request).await.map_err(|e| (Failure::Temporary(why(&e)), None))?;
        let status = answer.status().as_u16();
        match status {
            // An HTTP status of 2xx counts as the acknowledgement. The body of the response is read only to get the
            // receiver's id for the alert.
            200..=299 => Ok(HttpResponse { status, body: read_body(answer.into_body()).await }),
            500..=599 | 408 | 429 => Err((Failure::Temporary(format!("HTTP status {status}")), None)),
            _ => {
                let date = date(answer.headers().get("date"));
                Err((Failure::Permanent(format!("HTTP status {status}")), date))
            }
        }
    }
}

/// Reads a body to its end, but at most [`MAX_BODY`] bytes, and for at most [`BODY_TIMEOUT`].
async fn read_body(body: SdkBody) -> Vec<u8> {
    let (mut body, mut read) = (ByteStream::new(body), Vec::new());
    let reading = async {
        while let Some(Ok(part)) = body.next().await {
            read.extend_from_slice(&part[..part.len().min(MAX_BODY - read.len())]);
            if read.len() == MAX_BODY {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_TIMEOUT, reading).await;
    read
}

/// Parses a `Date` header (RFC 9110 section 6.6.1).
pub(super) fn date(header: Option<&str>) -> Option<SystemTime> {
    DateTime::from_str(header?, Format::HttpDate).ok().and_then(|date| SystemTime::try_from(date).ok())
}

/// Describes the innermost I/O error in the chain of sources. The outer errors are not shown, because they can
/// contain the URL.
fn why(error: &(dyn StdError + 'static)) -> String {
    let (mut next, mut io) = (Some(error), None);
    while let Some(error) = next {
        io = error.downcast_ref::<std::io::Error>().or(io);
        next = error.source();
    }
    io.map_or_else(|| "could not connect".into(), |io| format!("could not connect: {}", io.kind()))
}
