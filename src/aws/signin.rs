//! Sign-in to the AWS console. Exchanges session credentials for a sign-in token, and builds the sign-in link with
//! this token (IAM User Guide, "Enable custom identity broker access to the AWS console").

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

use crate::aws::emergency::{EmergencyUser, Issued};
use crate::aws::error::words;
use crate::error::{Error, Result};
use crate::secret::SecretText;

/// The time limit for getting the sign-in token.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The response of AWS's federation endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SigninResponse {
    signin_token: SecretText,
}

/// Returns the link that signs in to the console with the issued session.
///
/// # Errors
/// Fails if there is no session, or if the endpoint returns no token. The error's message contains no secret.
pub(crate) async fn sign_in(emergency: &EmergencyUser, partition: &str) -> Result<SecretText> {
    let region = emergency.region();
    let endpoint = endpoint(partition, region);
    let address = match emergency.issued().as_ref() {
        Some(issued) => token_address(&endpoint, issued),
        None => return Err(failed("AWS has issued no session")),
    };
    let answer = match tokio::time::timeout(TIMEOUT, request_token(&address)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(failed(&format!("{endpoint} did not answer within {} s", TIMEOUT.as_secs()))),
    };
    Ok(link(&endpoint, partition, region, &answer.signin_token))
}

/// Returns the sign-in endpoint of the region. The global endpoint is not used, because it depends on the region
/// us-east-1.
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

fn token_address(endpoint: &str, issued: &Issued) -> SecretText {
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

async fn request_token(address: &SecretText) -> Result<SigninResponse> {
    let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(address.expose()).map_err(|_| failed("the address is not valid"))?;
    let answer = connector.call(request).await.map_err(|e| failed(&words(&e)))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(failed(&format!("the endpoint answered with HTTP status {}", status.as_u16())));
    }
    let body =
        ByteStream::new(answer.into_body()).collect().await.map_err(|_| failed("the answer was cut off"))?;
    serde_json::from_slice(&body.into_bytes()).map_err(|_| failed("the answer has no token"))
}

fn failed(why: &str) -> Error {
    Error::refused(format!("signing in to the console failed: {why}"))
        .next("check AWS_ENDPOINT_URL_SIGNIN and the network, or open without --console")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_link_leads_to_the_region() {
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
