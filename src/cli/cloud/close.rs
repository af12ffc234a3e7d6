//! `close`: what an interrupted run left open, by a quorum or by AWS credentials of one's own.

use super::quorum::{self, Asked};
use super::{shipping, target};
use crate::aws::Preload;
use crate::cli::{args, input};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::ledger::{AlertTopic, Ledger, VaultFacts};
use crate::session::{self, Ending, LocalNotice, ProfileClose, Proof, QuorumClose};
use crate::terminal::{print, warning};
use crate::vault::duration::Span;
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Lane};
use crate::vault::target::TargetId;

/// Closes.
pub fn run(arguments: args::Close) -> Result<()> {
    let events = Events::to_stdout(arguments.json);
    let vault = input::vault(&arguments.vault)?;
    let summary = target::choose(&vault, arguments.target.as_deref())?.clone();
    let facts = VaultFacts::of(&vault, &arguments.vault);
    let config = Config::load().unwrap_or_else(|error| {
        warning(error);
        Config::default()
    });
    let ledger = shipping::ledger(&config);
    let (force, target) = (arguments.force, TargetId::from(&summary));
    if vault.manifest.lane == Lane::Static {
        return session::close_static(&facts, &target, &ledger, events, config);
    }
    let proof = match arguments.profile {
        Some(profile) => session::close_with_profile(ProfileClose {
            vault: facts,
            target: target.clone(),
            regions: summary.regions,
            profile,
            force,
            ledger,
            events,
            config,
        }),
        None => Quorum { vault, facts, summary, force, ledger, events, config }.close(arguments.wait),
    }?;
    if !events.are_wanted() {
        // Access is closed, whether or not stdout can be written.
        let _ = print::result(&result(&target, proof));
    }
    Ok(())
}

fn result(target: &TargetId, proof: Proof) -> String {
    let how = match proof {
        Proof::Probed => "probed",
        Proof::ReadBack => "read back, not probed",
    };
    format!("closed: user {} in account {} ({how})\n", target.user, target.account)
}

/// A close that custodians are asked for.
struct Quorum {
    vault: Vault,
    facts: VaultFacts,
    summary: manifest::Target,
    force: bool,
    ledger: Ledger,
    events: Events,
    config: Config,
}

impl Quorum {
    fn close(self, wait: Span) -> Result<Proof> {
        let preload = Preload::start();
        let gathered = quorum::shares(&Asked {
            vault: &self.vault,
            request: None,
            wait: wait.duration(),
            ledger: &self.ledger,
            events: self.events,
            absent: &[],
        });
        let gathered = match gathered {
            Ok(gathered) => gathered,
            Err(error) => return Err(self.no_quorum(error)),
        };
        let (target, alerts) = target::unseal(&self.vault, &gathered.shares, &self.summary.name)?;
        let Self { facts, force, ledger, events, config, .. } = self;
        session::close_with_quorum(QuorumClose {
            vault: facts,
            target,
            force,
            ledger,
            events,
            alerts,
            config,
            preload,
        })
    }

    /// Alerts over this machine's channels if a window of this machine may be open; the vault's channels stay sealed.
    fn no_quorum(self, error: Error) -> Error {
        let Self { facts, summary, ledger, events, config, .. } = self;
        let target = TargetId::from(&summary);
        let open = ledger.hurried().unclosed(&target.account, &target.user).unwrap_or_default();
        if let Some(session) = open.last().map(|last| Some(last.session)) {
            let about = LocalNotice { vault: &facts, target: &target, session, ledger: &ledger, events };
            let ending = Ending { about: AlertTopic::MayBeOpen, detail: error.what.clone(), until: None };
            session::notify_local(&about, config, ending);
        }
        error
    }
}
