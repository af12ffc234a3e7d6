//! `close`: what an interrupted run left open, by a quorum or by AWS credentials of one's own.

use super::gather::{self, Asked};
use super::{args, input, shipping, target};
use crate::cloud::{self, CloseByProfile, Closing, Tidings};
use crate::config::Config;
use crate::error::Result;
use crate::events::Events;
use crate::ledger::{About, TargetFacts, VaultFacts};
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
    let manifest::Target { name, partition, account, user, regions, .. } = summary.clone();
    if vault.manifest.lane == Lane::Static {
        let user = TargetFacts { name, partition, account, user };
        return cloud::close_static(&facts, user, &ledger, events, config);
    }
    let force = arguments.force;
    if let Some(profile) = arguments.profile {
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
        });
        let gathered = match gathered {
            Ok(gathered) => gathered,
            Err(error) => {
                let target = TargetFacts { name, partition, account, user };
                let open = ledger.hurried().unclosed(&target.account, &target.user).unwrap_or_default();
                if let Some(session) = open.last().map(|last| Some(last.session)) {
                    // The sealed channels stay sealed: those of this machine are told.
                    let tidings = Tidings { vault: &facts, target, session, ledger: &ledger, events, config };
                    tidings.tell(About::MayBeOpen, &error.what);
                }
                return Err(error);
            }
        };
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
