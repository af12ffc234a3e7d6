//! The sign-in exchange: a session's credentials for a token, and the link made of it (IAM User Guide, "Enable
//! custom identity broker access to the AWS console").

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use crate::aws::emergency::{CloudEmergency, Issued};
use crate::aws::error::words;
use crate::error::{Error, Result};
use crate::secret::SecretText;

/// For the whole exchange.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the federation endpoint answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    signin_token: SecretText,
}

/// The link that signs in with the session that was issued.
///
/// # Errors
/// When there is no session, or the endpoint gives no token for it; no message repeats a secret.
pub(crate) async fn sign_in(emergency: &CloudEmergency, partition: &str) -> Result<SecretText> {
    let region = emergency.region();
    let endpoint = endpoint(partition, region);
    let asked = match emergency.issued().as_ref() {
        Some(issued) => question(&endpoint, issued),
        None => return Err(failed("there is no session to sign in with")),
    };
    let answer = match tokio::time::timeout(PATIENCE, ask(&asked)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(failed(&format!("{endpoint} did not answer within {} s", PATIENCE.as_secs()))),
    };
    Ok(link(&endpoint, partition, region, &answer.signin_token))
}

/// The region's own sign-in endpoint: the global one is in us-east-1.
fn endpoint(partition: &str, region: &str) -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match set("AWS_ENDPOINT_URL_SIGNIN").or_else(|| set("AWS_ENDPOINT_URL")) {
        Some(own) => own.trim_end_matches('/').to_owned(),
        None => format!("https://{region}.signin.{}", domain(partition)),
    }
}

fn domain(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.cn",
        "aws-us-gov" => "amazonaws-us-gov.com",
        _ => "aws.amazon.com",
    }
}

fn question(endpoint: &str, issued: &Issued) -> SecretText {
    let session = json!({
        "sessionId": issued.id,
        "sessionKey": issued.secret.expose(),
        "sessionToken": issued.token.expose(),
    });
    let session = session.to_string();
    let session = utf8_percent_encode(&session, NON_ALPHANUMERIC);
    SecretText::copy_of(&format!("{endpoint}/federation?Action=getSigninToken&Session={session}"))
}

fn link(endpoint: &str, partition: &str, region: &str, token: &SecretText) -> SecretText {
    let destination = format!("https://{region}.console.{}/", domain(partition));
    let destination = utf8_percent_encode(&destination, NON_ALPHANUMERIC);
    let token = utf8_percent_encode(token.expose(), NON_ALPHANUMERIC);
    SecretText::copy_of(&format!(
        "{endpoint}/federation?Action=login&Issuer=breakglass&Destination={destination}&SigninToken={token}"
    ))
}

async fn ask(address: &SecretText) -> Result<Answer> {
    let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(address.expose()).map_err(|_| failed("its address is none"))?;
    let answer = connector.call(request).await.map_err(|e| failed(&words(&e)))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(failed(&format!("it answered with HTTP status {}", status.as_u16())));
    }
    let body =
        ByteStream::new(answer.into_body()).collect().await.map_err(|_| failed("its answer broke off"))?;
    serde_json::from_slice(&body.into_bytes()).map_err(|_| failed("its answer holds no token"))
}

fn failed(why: &str) -> Error {
    Error::refused(format!("signing in to the console failed: {why}"))
        .next("check AWS_ENDPOINT_URL_SIGNIN and the network, or open without --console")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_the_regions_own() {
        let token = SecretText::copy_of("a+b/c=");
        let link = link("https://eu-west-1.signin.aws.amazon.com", "aws", "eu-west-1", &token);
        assert_eq!(
            link.expose(),
            "https://eu-west-1.signin.aws.amazon.com/federation?Action=login&Issuer=breakglass\
             &Destination=https%3A%2F%2Feu%2Dwest%2D1%2Econsole%2Eaws%2Eamazon%2Ecom%2F&SigninToken=a%2Bb%2Fc%3D"
        );
        assert_eq!(domain("aws-us-gov"), "amazonaws-us-gov.com");
    }
}
