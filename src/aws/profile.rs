//! Loads the credentials of a named profile of the shared AWS configuration. The named profile is the only source of
//! credentials that this module uses.

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::runtime::Runtime;

use crate::aws::error::words;
use crate::error::{Error, Result};

/// Returns a provider of the profile's credentials.
///
/// # Errors
/// The error has the status `Usage` if the profile has no credentials.
pub(crate) fn provider(profile: &str, runtime: &Runtime) -> Result<SharedCredentialsProvider> {
    let provider = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
    let provider = SharedCredentialsProvider::new(provider);
    match runtime.block_on(provider.provide_credentials()) {
        Ok(_) => Ok(provider),
        Err(error) => {
            let why = match error {
                CredentialsError::CredentialsNotLoaded(_) => {
                    "the profile does not exist, or has no keys, no role and no credential_process".to_owned()
                }
                error => words(&error),
            };
            Err(Error::usage(format!("profile {profile} has no credentials: {why}; nothing was done"))
                .next("choose another profile; list them with: aws configure list-profiles"))
        }
    }
}
