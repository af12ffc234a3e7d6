//! The command `status`: reads the state of emergency users from IAM, with the credentials of an AWS profile.

use std::path::Path;

use jiff::Timestamp;

use crate::aws::preload::{Preload, runtime};
use crate::aws::principals::{IamCloser, IdentityClient};
use crate::aws::profile::provider;
use crate::error::{Error, Result};
use crate::gate::fault::Fault;
use crate::gate::iam::{Caller, Closer};
use crate::gate::observed::{Scope, UserState, observe_complete};
use crate::gate::open::other_account;
use crate::ledger::ClockTime;
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
/// in the profile's account, or if the target is of the lane `static`. `queries` must not be empty.
///
/// # Errors
/// Fails if the profile has no credentials, if AWS cannot be reached, or if no user is in the profile's account.
pub(crate) fn read_status(
    profile: &str,
    queries: &[StatusQuery],
) -> Result<(Vec<Option<UserState>>, ClockTime)> {
    let runtime = runtime()?;
    let aws = Preload::start().config(&runtime);
    let provider = provider(profile, &runtime)?;
    let closer = |query: &StatusQuery| {
        IamCloser::with_config(&aws, &query.target, &query.region, |region, tries| {
            aws.with_provider(provider.clone(), region, tries)
        })
    };
    let result = runtime.block_on(async {
        let first = queries.first().ok_or_else(|| Error::failed("there is no user to read"))?;
        let identity = closer(first).identify().await.map_err(|fault| {
            Error::failed(format!("could not read IAM: {fault}"))
                .next("check the network and AWS_ENDPOINT_URL, and ask again")
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
        Ok((states, ClockTime::aws(aws.clock.now())))
    });
    runtime.shutdown_background();
    result
}

async fn read_user(closer: &impl Closer, target: &TargetId, now: Timestamp) -> UserState {
    let (access, deny) = (closer.read_access_state().await, target.deny_all_arn());
    observe_complete(&access, &Scope { deny: &deny, keys: None }, now)
}

/// Returns AWS's time. The call needs no credentials.
///
/// # Errors
/// [`Fault`] if AWS does not answer.
pub(crate) fn aws_time(region: &str) -> Result<Timestamp, Fault> {
    let runtime = runtime().map_err(|error| Fault::Unknown(error.what))?;
    let aws = Preload::start().config(&runtime);
    let time = runtime.block_on(IdentityClient::without_credentials(&aws, region).time());
    runtime.shutdown_background();
    time
}

/// Returns the command that closes the target's access with a profile of the AWS configuration. `profile` is the name
/// of the profile, if it is known.
pub(crate) fn close_with_profile_command(vault: &Path, target: &TargetId, profile: Option<&str>) -> String {
    let profile = profile.map(str::to_owned);
    HowToClose { profile, ..HowToClose::new(vault, target, Lane::Gate) }.with_profile_explained()
}

/// Returns the shell commands that close access of the target's user. `role` is the ARN of the role of a target in the
/// lane `static`, if it is known.
pub(crate) fn how_to_close(
    vault: Option<&Path>,
    (target, lane): (&TargetId, Lane),
    role: Option<String>,
    profile: Option<&str>,
) -> String {
    let how = vault.map_or_else(
        || HowToClose::without_vault(target, lane),
        |vault| HowToClose::new(vault, target, lane),
    );
    let role = (lane == Lane::Static).then(|| role.into());
    HowToClose { role, profile: profile.map(str::to_owned), ..how }.commands()
}

/// Returns the command with which an administrator finds the role sessions that a user of the lane `static` has
/// started. IAM does not show these sessions.
pub(crate) fn find_role_sessions(target: &TargetId, region: &str) -> String {
    let user = &target.user;
    format!(
        "IAM does not show the sessions of a role; CloudTrail shows them after some minutes:\n    aws cloudtrail \
         lookup-events --region {region} --lookup-attributes AttributeKey=Username,AttributeValue={user}"
    )
}
