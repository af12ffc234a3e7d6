//! An Amazon SNS topic, by a key that may only publish to it.

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sns::error::{ProvideErrorMetadata as _, SdkError};

use super::{Failure, Notice};
use crate::vault::payload::{AccessKey, region_of};

pub(super) async fn publish(
    topic: &str,
    key: &AccessKey,
    notice: &Notice,
    config: Option<&SdkConfig>,
) -> Result<String, Failure> {
    let config = config.ok_or_else(|| Failure::Final("there is no client for AWS".into()))?;
    let credentials = Credentials::new(key.id.clone(), key.secret.expose(), None, None, "vault");
    let config = config
        .to_builder()
        .region(Region::new(region_of(topic).unwrap_or("us-east-1").to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .build();
    let publish = aws_sdk_sns::Client::new(&config).publish();
    let publish = publish.topic_arn(topic).subject(notice.subject()).message(notice.text());
    match publish.send().await {
        Ok(answer) => Ok(format!("message {}", answer.message_id().unwrap_or_default())),
        Err(SdkError::ServiceError(answer)) => {
            let why = format!("AWS refused: {}", answer.err().code().unwrap_or("no code"));
            Err(if answer.raw().status().is_server_error() {
                Failure::Passing(why)
            } else {
                Failure::Final(why)
            })
        }
        Err(_) => Err(Failure::Passing("AWS was not reached".into())),
    }
}
