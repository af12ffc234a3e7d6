//! `close`: closes access after a crash, with a quorum or with the AWS credentials of a profile.

use std::time::Duration;

use super::args::CloseArgs;
use super::quorum::{self, Asked, CloseRequest, Quorum, QuorumRequest};
use super::shipping;
use super::target::{self, Unsealed};
use crate::aws::Preload;
use crate::cli::input;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::ledger::{AlertTopic, Ledger, VaultFacts};
use crate::session::{self, Ending, LocalNotice, ProfileClose, Proof, QuorumClose, Release};
use crate::terminal::{print, warning};
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Lane};
use crate::vault::target::TargetId;

/// Validates the arguments and closes access.
pub fn run(arguments: CloseArgs, events: Events) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    let target = target::choose(&vault, arguments.target.as_deref())?.clone();
    let config = Config::load().unwrap_or_else(|error| {
        warning(error);
        Config::default()
    });
    let request = CheckedClose {
        facts: VaultFacts::of(&vault, &arguments.vault),
        target,
        force: arguments.force,
        ledger: shipping::ledger(&config),
        events,
        config,
    };
    if vault.manifest.lane == Lane::Static {
        return request.close_static();
    }
    let target = TargetId::from(&request.target);
    let proof = match arguments.profile {
        Some(profile) => request.close_with_profile(profile),
        None => request.close_with_quorum(&vault, arguments.wait.duration()),
    }?;
    if !events.are_wanted() {
        // Access is already closed here, so an error while writing to standard output is ignored.
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

/// The validated arguments of `close`.
struct CheckedClose {
    facts: VaultFacts,
    target: manifest::TargetSummary,
    /// Whether to close the window even if another machine opened it or the user's state cannot be read.
    force: bool,
    ledger: Ledger,
    events: Events,
    config: Config,
}

impl CheckedClose {
    fn close_static(self) -> Result<()> {
        let target = TargetId::from(&self.target);
        let region = self.target.regions.first().map_or("us-east-1", String::as_str);
        session::close_static(&self.facts, &target, region, &self.ledger, self.events, self.config)
    }

    fn close_with_profile(self, profile: String) -> Result<Proof> {
        session::close_with_profile(ProfileClose {
            vault: self.facts,
            target: TargetId::from(&self.target),
            regions: self.target.regions,
            profile,
            force: self.force,
            ledger: self.ledger,
            events: self.events,
            config: self.config,
        })
    }

    fn close_with_quorum(self, vault: &Vault, wait: Duration) -> Result<Proof> {
        let mut preload = Preload::start();
        let endpoints = preload.custom_endpoints().unwrap_or_else(|error| {
            warning(error);
            Vec::new()
        });
        let request = CloseRequest::new(
            vault,
            &self.target,
            (&self.ledger, self.config.close_profile.as_deref()),
            endpoints,
        );
        let closed = self.close_as_asked(vault, wait, &request, preload);
        request.finish();
        closed
    }

    fn close_as_asked(
        self,
        vault: &Vault,
        wait: Duration,
        request: &CloseRequest,
        preload: Preload,
    ) -> Result<Proof> {
        let path = self.facts.path.clone();
        let quorum = quorum::gather(&QuorumRequest {
            vault,
            path: &path,
            asked: Asked::Close(request),
            wait,
            ledger: &self.ledger,
            events: self.events,
            absent: &[],
        });
        let quorum = match quorum {
            Ok(quorum) => quorum,
            Err(error) => return Err(self.no_quorum(error)),
        };
        let Quorum { shares, given_by, signed_by, .. } = quorum;
        let Unsealed { target, alerts, .. } = target::unseal(vault, &shares, &self.target.name)?;
        drop(shares);
        session::close_with_quorum(QuorumClose {
            vault: self.facts,
            target,
            force: self.force,
            ledger: self.ledger,
            events: self.events,
            alerts,
            release: Release { given_by, signed_by },
            config: self.config,
            preload,
        })
    }

    /// Sends an alert if a window that this machine opened might still be open. The alert goes only to the channels
    /// in this machine's configuration, because the vault's channels are still sealed. Returns `error` unchanged.
    fn no_quorum(self, error: Error) -> Error {
        let target = TargetId::from(&self.target);
        let Self { facts, ledger, events, config, .. } = self;
        let open = ledger.hurried().unclosed(&target.account, &target.user).unwrap_or_default();
        if let Some(session) = open.last().map(|last| Some(last.session)) {
            let local = LocalNotice { vault: &facts, target: &target, session, ledger: &ledger, events };
            let ending = Ending { topic: AlertTopic::MayBeOpen, detail: error.what.clone(), until: None };
            session::notify_local(&local, config, ending);
        }
        error
    }
}
