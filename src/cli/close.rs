//! `close`: what an interrupted run left open, by a quorum or by AWS credentials of one's own.

use super::gather::{self, Asked};
use super::{args, input, shipping, target};
use crate::cloud::{self, CloseByProfile, Closing};
use crate::config::Config;
use crate::error::Result;
use crate::events::Events;
use crate::ledger::VaultFacts;
use crate::terminal::note;
use crate::vault::manifest::{self, Lane};

/// Closes.
pub fn run(arguments: args::Close) -> Result<()> {
    let events = Events::to_stdout(arguments.json);
    let vault = input::vault(&arguments.vault)?;
    let summary = target::choose(&vault, arguments.target.as_deref())?;
    let facts = VaultFacts::of(&vault, &arguments.vault);
    let config = Config::load().unwrap_or_else(|error| {
        note(&format!("warning: {error}"));
        Config::default()
    });
    let ledger = shipping::ledger(&config);
    if vault.manifest.lane == Lane::Static {
        return cloud::close_static(&facts, summary, &ledger, events);
    }
    let force = arguments.force;
    if let Some(profile) = arguments.profile {
        let manifest::Target { name, partition, account, user, regions, .. } = summary.clone();
        let vault = facts;
        cloud::close_with_profile(CloseByProfile {
            vault,
            name,
            partition,
            account,
            user,
            regions,
            profile,
            force,
            ledger,
            events,
            config,
        })
    } else {
        let warm = cloud::Warm::start();
        let gathered = gather::shares(&Asked {
            vault: &vault,
            request: None,
            wait: arguments.wait.duration(),
            ledger: &ledger,
            events,
            absent: &[],
        })?;
        let (target, alerts) = target::unseal(&vault, &gathered.shares, &summary.name)?;
        cloud::close_with_quorum(Closing {
            vault: facts,
            target,
            force,
            ledger,
            events,
            alerts,
            config,
            warm,
        })
    }
}
