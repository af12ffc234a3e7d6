//! One POST, no redirect followed, no message that repeats the address: it may be a secret.

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

use super::Failure;
use crate::secret::SecretText;

/// The connections of one run: made once, for it reads the system's TLS roots, and gone with the run, for what it
/// keeps open it keeps by its address.
#[derive(Clone, Debug, Default)]
pub(super) struct Http(Arc<OnceLock<Connector>>);

/// As much of an answer as is read, in bytes; and as long as it is waited for.
const LONGEST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);

/// What the receiver answered.
pub(super) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its body, or the beginning of it.
    pub body: Vec<u8>,
}

impl Http {
    fn connector(&self) -> &Connector {
        let make = || Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        self.0.get_or_init(make)
    }

    /// Sends `body` there; an answer of 2xx is one, anything else a failure.
    pub(super) async fn post(
        &self,
        url: &SecretText,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        self.post_dated(url, headers, body).await.map_err(|(failure, _)| failure)
    }

    /// The same; with a refusal the time that the receiver says it is.
    pub(super) async fn post_dated(
        &self,
        url: &SecretText,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> Result<Answer, (Failure, Option<SystemTime>)> {
        let refused = |why: &str| (Failure::Final(why.into()), None);
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|_| refused("the request cannot be made"))?;
        request.set_uri(url.expose()).map_err(|_| refused("its address is none"))?;
        request.headers_mut().insert("content-type", "application/json");
        request.headers_mut().insert("user-agent", concat!("breakglass/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        let answer = self.connector().call(request).await.map_err(|e| (Failure::Passing(why(&e)), None))?;
        let status = answer.status().as_u16();
        match status {
            // The status has said it: what comes after it is only a name.
            200..=299 => Ok(Answer { status, body: beginning(answer.into_body()).await }),
            500..=599 | 408 | 429 => {
                Err((Failure::Passing(format!("it answered with HTTP status {status}")), None))
            }
            _ => {
                let date = date(answer.headers().get("date"));
                Err((Failure::Final(format!("it answered with HTTP status {status}")), date))
            }
        }
    }
}

/// As much of a body as a receiver has to say, and says soon.
async fn beginning(body: SdkBody) -> Vec<u8> {
    let (mut body, mut read) = (ByteStream::new(body), Vec::new());
    let reading = async {
        while let Some(Ok(part)) = body.next().await {
            read.extend_from_slice(&part[..part.len().min(LONGEST - read.len())]);
            if read.len() == LONGEST {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    read
}

/// A `Date` header (RFC 9110 section 6.6.1).
pub(super) fn date(header: Option<&str>) -> Option<SystemTime> {
    DateTime::from_str(header?, Format::HttpDate).ok().and_then(|date| SystemTime::try_from(date).ok())
}

/// The system's own words at the end of the chain, if it has some; nothing above them, which may name the address.
fn why(error: &(dyn StdError + 'static)) -> String {
    let (mut next, mut io) = (Some(error), None);
    while let Some(error) = next {
        io = error.downcast_ref::<std::io::Error>().or(io);
        next = error.source();
    }
    io.map_or_else(|| "it was not reached".into(), |io| format!("it was not reached: {}", io.kind()))
}
