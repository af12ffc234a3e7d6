//! `status`: what IAM shows of users, to whoever may read them.

use std::path::Path;

use jiff::Timestamp;

use crate::aws::clients::AwsConfig;
use crate::aws::preload::{Preload, runtime};
use crate::aws::principals::{IamCloser, Place};
use crate::aws::profile::provider;
use crate::error::{Error, Result, Status};
use crate::gate::iam::{Caller, Closer};
use crate::gate::open::other_account;
use crate::gate::policy::{ParsedGate, parse_gate};
use crate::gate::snapshot::AccessState;
use crate::ledger::Seen;
use crate::session::close::gate_ahead;
use crate::session::messages::HowToClose;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// A user to be looked at.
#[derive(Debug)]
pub struct Asked {
    /// The user.
    pub target: TargetId,
    /// Where AWS is asked who the profile is.
    pub region: String,
    /// Only a gate shows in IAM.
    pub lane: Lane,
}

/// What IAM shows of each, in their order, and AWS's time; `Err` is why a user could not be read. Users of other
/// accounts than the profile's are not asked about.
///
/// # Errors
/// When the profile gives no credentials, AWS does not answer, or none of them is of the profile's account.
pub fn look(profile: &str, asked: &[Asked]) -> Result<(Vec<Result<Seen, String>>, Timestamp)> {
    let runtime = runtime()?;
    let base = Preload::start().base(&runtime);
    let provider = provider(profile, &runtime)?;
    let closer = |asked: &Asked| {
        let place = Place {
            partition: asked.target.partition.clone(),
            region: asked.region.clone(),
            user: asked.target.user.clone(),
            boundary: None,
        };
        IamCloser::with_config(&base, &place, |region, tries| {
            base.with_provider(provider.clone(), region, tries)
        })
    };
    let result = runtime.block_on(async {
        let Some(first) = asked.first() else {
            return Ok((Vec::new(), base.clock.now()));
        };
        let identity = closer(first).identify().await.map_err(|fault| {
            Error::new(Status::Failed, format!("AWS was not asked: {fault}"))
                .next("check the network and AWS_ENDPOINT_URL, or leave --profile out")
        })?;
        if asked.iter().all(|asked| asked.target.account != identity.account) {
            return Err(other_account(&identity.account, &first.target.account));
        }
        let mut seen = Vec::new();
        for asked in asked {
            let is_shown = asked.lane == Lane::Gate && asked.target.account == identity.account;
            seen.push(if is_shown { one(&base, asked, &closer(asked)).await } else { Ok(Seen::NotAsked) });
        }
        Ok((seen, base.clock.now()))
    });
    runtime.shutdown_background();
    result
}

async fn one(base: &AwsConfig, asked: &Asked, closer: &impl Closer) -> Result<Seen, String> {
    let (access, deny) = (closer.read_access_state().await, asked.target.deny_all_arn());
    match gate_ahead(&access, &deny, base.clock.now())? {
        Some(ParsedGate { session, until }) => Ok(Seen::Ahead { session, until }),
        None if access.is_at_rest(&deny) => Ok(Seen::AtRest),
        None if is_unbounded(&access, &deny) => Ok(Seen::Unbounded),
        None => Ok(Seen::Untidy),
    }
}

/// No deny, an active key, and a gate that does not say its end as ours do.
fn is_unbounded(access: &AccessState, deny: &str) -> bool {
    let denied = matches!(&access.attached, Ok(arns) if arns.iter().any(|arn| arn == deny));
    let active = matches!(&access.keys, Ok(keys) if keys.iter().any(|key| key.active));
    !denied && active && matches!(&access.gate, Ok(Some(gate)) if parse_gate(gate).is_none())
}

/// The commands that close a user's window, for whoever may.
pub fn how_to_close(vault: Option<&Path>, target: &TargetId, lane: Lane) -> String {
    HowToClose::of(vault.unwrap_or(Path::new("VAULT")), target, lane).commands()
}
