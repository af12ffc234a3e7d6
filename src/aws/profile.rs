//! Credentials of one's own: a named profile of the shared AWS configuration, and no other source.

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::runtime::Runtime;

use crate::aws::error::words;
use crate::error::{Error, Result};

/// The profile's provider, which gives credentials.
///
/// # Errors
/// Usage, when it gives none.
pub(crate) fn provider(profile: &str, runtime: &Runtime) -> Result<SharedCredentialsProvider> {
    let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
    let provider = SharedCredentialsProvider::new(provider);
    match runtime.block_on(provider.provide_credentials()) {
        Ok(_) => Ok(provider),
        Err(error) => {
            let why = match error {
                CredentialsError::CredentialsNotLoaded(_) => {
                    "it does not exist, or has neither keys, a role nor a credential_process".to_owned()
                }
                error => words(&error),
            };
            Err(Error::usage(format!("the profile {profile} gives no credentials: {why}; nothing was done")).next(
                "name a profile of the shared AWS configuration that may close: aws configure list-profiles",
            ))
        }
    }
}
