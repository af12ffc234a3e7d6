//! The command `status`: reads the state of emergency users from IAM, with the credentials of an AWS profile.

use std::path::Path;

use jiff::Timestamp;

use crate::aws::preload::{Preload, runtime};
use crate::aws::principals::IamCloser;
use crate::aws::profile::provider;
use crate::error::{Error, Result};
use crate::gate::iam::{Caller, Closer};
use crate::gate::observed::{Scope, UserState, observe_complete};
use crate::gate::open::other_account;
use crate::session::how_to_close::HowToClose;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// A query for the state of one emergency user.
#[derive(Debug)]
pub(crate) struct StatusQuery {
    pub(crate) target: TargetId,
    /// The region in which STS is called to learn the profile's account.
    pub(crate) region: String,
    /// The lane of the target. IAM shows only windows of the lane `gate`.
    pub(crate) lane: Lane,
}

/// Returns the state of each user, in the order of `queries`, and AWS's time. The state is `None` if the user is not
/// in the profile's account, or if the target is of the lane `static`.
///
/// # Errors
/// Fails if the profile has no credentials, if AWS cannot be reached, or if no user is in the profile's account.
pub(crate) fn read_status(
    profile: &str,
    queries: &[StatusQuery],
) -> Result<(Vec<Option<UserState>>, Timestamp)> {
    let runtime = runtime()?;
    let aws = Preload::start().config(&runtime);
    let provider = provider(profile, &runtime)?;
    let closer = |query: &StatusQuery| {
        IamCloser::with_config(&aws, &query.target, &query.region, |region, tries| {
            aws.with_provider(provider.clone(), region, tries)
        })
    };
    let result = runtime.block_on(async {
        let Some(first) = queries.first() else {
            return Ok((Vec::new(), aws.clock.now()));
        };
        let identity = closer(first).identify().await.map_err(|fault| {
            Error::failed(format!("could not read IAM: {fault}"))
                .next("check the network and AWS_ENDPOINT_URL, or leave out --profile")
        })?;
        if queries.iter().all(|query| query.target.account != identity.account) {
            return Err(other_account(&identity.account, &first.target.account));
        }
        let mut states = Vec::new();
        for query in queries {
            let is_visible = query.lane == Lane::Gate && query.target.account == identity.account;
            let state = async { read_user(&closer(query), &query.target, aws.clock.now()).await };
            states.push(if is_visible { Some(state.await) } else { None });
        }
        Ok((states, aws.clock.now()))
    });
    runtime.shutdown_background();
    result
}

async fn read_user(closer: &impl Closer, target: &TargetId, now: Timestamp) -> UserState {
    let (access, deny) = (closer.read_access_state().await, target.deny_all_arn());
    observe_complete(&access, &Scope { deny: &deny, keys: None }, now)
}

/// Returns the command `close` for the target, with a profile of the AWS configuration. `profile` is the name of the
/// profile, if the name is known.
pub(crate) fn close_with_profile_command(vault: &Path, target: &TargetId, profile: Option<&str>) -> String {
    let profile = profile.map(str::to_owned);
    HowToClose { profile, ..HowToClose::new(vault, target, Lane::Gate) }.with_profile()
}

/// Returns the shell commands that close the access of the target's user.
pub(crate) fn how_to_close(vault: Option<&Path>, target: &TargetId, lane: Lane) -> String {
    HowToClose::new(vault.unwrap_or(Path::new("VAULT")), target, lane).commands()
}
