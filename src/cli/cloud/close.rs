//! `close`: what an interrupted run left open, by a quorum or by AWS credentials of one's own.

use super::quorum::{self, Asked};
use super::{shipping, target};
use crate::aws::Preload;
use crate::cli::{args, input};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::ledger::{AlertTopic, Ledger, VaultFacts};
use crate::session::{self, CloseByProfile, Closing, Tidings};
use crate::terminal::warning;
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
    let (force, lane) = (arguments.force, vault.manifest.lane);
    match arguments.profile {
        _ if lane == Lane::Static => {
            session::close_static(&facts, TargetId::from(&summary), &ledger, events, config)
        }
        Some(profile) => {
            let target = TargetId::from(&summary);
            session::close_with_profile(CloseByProfile {
                vault: facts,
                target,
                regions: summary.regions,
                profile,
                force,
                ledger,
                events,
                config,
            })
        }
        None => Quorum { vault, facts, summary, force, ledger, events, config }.close(arguments.wait),
    }
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
    fn close(self, wait: Span) -> Result<()> {
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
            Err(error) => return Err(self.nobody_came(error)),
        };
        let (target, alerts) = target::unseal(&self.vault, &gathered.shares, &self.summary.name)?;
        let Self { facts, force, ledger, events, config, .. } = self;
        session::close_with_quorum(Closing {
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

    /// Where a window of this machine's may be open, its channels are told; the sealed ones stay sealed.
    fn nobody_came(self, error: Error) -> Error {
        let Self { facts, summary, ledger, events, config, .. } = self;
        let target = TargetId::from(&summary);
        let open = ledger.hurried().unclosed(&target.account, &target.user).unwrap_or_default();
        if let Some(session) = open.last().map(|last| Some(last.session)) {
            let tidings = Tidings { vault: &facts, target, session, ledger: &ledger, events, config };
            tidings.tell(AlertTopic::MayBeOpen, &error.what);
        }
        error
    }
}
