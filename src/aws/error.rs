//! Classifies errors of the AWS SDK: refused, throttled, not sent, or unknown.

use std::error::Error as StdError;
use std::io;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::gate::fault::Fault;

const THROTTLES: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
];
const LONGEST: usize = 300;

/// Returns AWS's error code, if the response has an error code.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Classifies the error of one AWS call.
pub(crate) fn fault<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => Fault::NotSent(words(error)),
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let said = clean(&match (answer.err().code(), answer.err().message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => format!("HTTP status {status}"),
            });
            match answer.err().code() {
                Some(code) if THROTTLES.contains(&code) => Fault::Throttled(said),
                _ if status == 429 => Fault::Throttled(said),
                _ if (400..500).contains(&status) && status != 408 => Fault::Refused(said),
                _ => Fault::Unknown(said),
            }
        }
        SdkError::DispatchFailure(_) if never_connected(error) => Fault::NotSent(words(error)),
        _ => Fault::Unknown(words(error)),
    }
}

/// Returns true if no connection was established, so that nothing was sent to AWS.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    chain(error)
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .any(|e| matches!(e.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable))
}

/// Returns the text of the innermost error in the chain of sources. The innermost error names the cause of the
/// failure.
pub(crate) fn words(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(String::new, |last| clean(&last.to_string()))
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

/// Returns the text on one line, without control characters, and cut off at [`LONGEST`] characters.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}
