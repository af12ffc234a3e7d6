//! An Amazon SNS topic, by a key that may only publish to it.

use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sns::error::{ProvideErrorMetadata as _, SdkError};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_types::date_time::{DateTime, Format};

use super::{Failure, Notice, Receipt};
use crate::vault::payload::{AccessKey, region_of};

/// A clock that is further off than this is why a signature was refused.
const OFF: Duration = Duration::from_mins(1);

/// Publishes; AWS's time is not measured yet, so where this machine's is wrong, once more by the answer's `Date`.
pub(super) async fn publish(
    topic: &str,
    key: &AccessKey,
    notice: &Notice,
    config: Option<&SdkConfig>,
) -> Result<Receipt, Failure> {
    let config = config.ok_or_else(|| Failure::Final("there is no client for AWS".into()))?;
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
    let is_off = |date: &SystemTime| {
        let off = date.duration_since(here).or_else(|_| here.duration_since(*date));
        off.is_ok_and(|off| off > OFF)
    };
    let Some(date) = date.filter(is_off) else { return Err(failure) };
    let config = config.into_builder().time_source(StaticTimeSource::new(date)).build();
    send(&config, topic, notice).await.map_err(|(failure, _)| failure)
}

/// One call; with a refusal the time that AWS says it is.
async fn send(
    config: &SdkConfig,
    topic: &str,
    notice: &Notice,
) -> Result<Receipt, (Failure, Option<SystemTime>)> {
    let publish = aws_sdk_sns::Client::new(config).publish();
    let publish = publish.topic_arn(topic).subject(notice.subject()).message(notice.text());
    match publish.send().await {
        Ok(answer) => Ok(Receipt::of("message", answer.message_id())),
        Err(SdkError::ServiceError(answer)) => {
            let why = format!("AWS refused: {}", answer.err().code().unwrap_or("no code"));
            if answer.raw().status().is_server_error() {
                return Err((Failure::Passing(why), None));
            }
            let date = answer.raw().headers().get("date");
            let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
            Err((Failure::Final(why), date.and_then(|date| SystemTime::try_from(date).ok())))
        }
        Err(_) => Err((Failure::Passing("AWS was not reached".into()), None)),
    }
}
