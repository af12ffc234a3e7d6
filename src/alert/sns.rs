//! Sends alerts to an Amazon SNS topic. The access key in the channel needs only the permission to publish to that
//! topic.

use std::time::SystemTime;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sns::error::{ProvideErrorMetadata as _, SdkError};
use aws_smithy_async::time::StaticTimeSource;

use super::http;
use super::notice::Notice;
use super::receipt::{Failure, Receipt, is_off};
use crate::vault::payload::{AccessKey, region_of};

/// Publishes a notice. If AWS refuses the call and the local clock is wrong, signs a second call with the time from
/// AWS's `Date` header.
pub(super) async fn publish(
    topic: &str,
    key: &AccessKey,
    notice: &Notice,
    config: Option<&SdkConfig>,
) -> Result<Receipt, Failure> {
    let config = config.ok_or_else(|| Failure::Permanent("AWS clients are not configured".into()))?;
    let credentials = Credentials::new(key.id.clone(), key.secret.expose(), None, None, "vault");
    let config = config
        .to_builder()
        .region(Region::new(region_of(topic).unwrap_or("us-east-1").to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .build();
    let (failure, date) = match send(&config, topic, notice).await {
        Ok(receipt) => return Ok(receipt),
        Err(refused) => refused,
    };
    let here = config.time_source().map_or_else(SystemTime::now, |clock| clock.now());
    let Some(date) = date.filter(|date| is_off(*date, here)) else { return Err(failure) };
    let config = config.into_builder().time_source(StaticTimeSource::new(date)).build();
    send(&config, topic, notice).await.map_err(|(failure, _)| failure)
}

/// Publishes a notice with one call. If AWS refuses the call, also returns AWS's time from the `Date` header.
async fn send(
    config: &SdkConfig,
    topic: &str,
    notice: &Notice,
) -> Result<Receipt, (Failure, Option<SystemTime>)> {
    let publish = aws_sdk_sns::Client::new(config).publish();
    let publish = publish.topic_arn(topic).subject(notice.subject()).message(notice.text());
    match publish.send().await {
        Ok(answer) => Ok(Receipt::with_id("message", answer.message_id())),
        Err(SdkError::ServiceError(answer)) => {
            let why = format!("AWS refused: {}", answer.err().code().unwrap_or("no code"));
            let is_throttled = why.contains("Throttl") || answer.raw().status().as_u16() == 429;
            if answer.raw().status().is_server_error() || is_throttled {
                return Err((Failure::Temporary(why), None));
            }
            Err((Failure::Permanent(why), http::date(answer.raw().headers().get("date"))))
        }
        Err(_) => Err((Failure::Temporary("could not reach AWS".into()), None)),
    }
}
