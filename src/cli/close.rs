//! `close`: what an interrupted run left open, by a quorum or by AWS credentials of one's own.

use super::gather::{self, Purpose};
use super::{args, input, target};
use crate::cloud::{self, CloseByProfile, Closing};
use crate::error::Result;
use crate::ledger::{Ledger, VaultFacts};
use crate::vault::manifest;

/// Closes.
pub fn run(arguments: args::Close) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    let summary = target::choose(&vault, arguments.target.as_deref())?;
    let ledger = Ledger::at_default();
    let facts = VaultFacts::of(&vault, &arguments.vault);
    let force = arguments.force;
    if let Some(profile) = arguments.profile {
        let manifest::Target { partition, account, user, regions, .. } = summary.clone();
        let vault = facts;
        cloud::close_with_profile(CloseByProfile {
            vault,
            partition,
            account,
            user,
            regions,
            profile,
            force,
            ledger,
        })
    } else {
        let warm = cloud::Warm::start();
        let shares = gather::shares(&vault, arguments.wait.duration(), Purpose::Close)?;
        let target = target::unseal(&vault, &shares, &summary.name)?;
        cloud::close_with_quorum(Closing { vault: facts, target, force, ledger, warm })
    }
}
