//! The steps of an opening that `open` and `drill` share, from the first check until access is proven closed.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use super::earlier_uses::EarlierUses;
use super::quorum::{self, Asked, QuorumRequest};
use super::target::{self, Unsealed};
use super::{last_session, shipping, sibling_vault};
use crate::aws::{InjectedFaults, Preload};
use crate::config::Config;
use crate::custody::statement::approval::{Approved, Request};
use crate::custody::statement::network::CustomEndpoint;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::{Ledger, VaultFacts};
use crate::session::{self, ApprovedOpening, WindowEnd, Work};
use crate::vault::duration::Span;
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Lane};
use crate::vault::names::is_unseen;

/// The validated arguments of an opening.
pub struct OpenRequest<'a> {
    pub path: &'a Path,
    pub vault: &'a Vault,
    pub target: &'a manifest::TargetSummary,
    /// The window's duration.
    pub window: Span,
    pub reason: Reason,
    /// The reason for using credentials that were opened before and have not been rotated since.
    pub again: Option<Reason>,
    /// The reason for opening this vault file although a newer file of the vault was opened before.
    pub older_epoch: Option<Reason>,
    /// The reason for opening although the user has a second, inactive access key.
    pub extra_key: Option<Reason>,
    /// The reason for opening although no alert is acknowledged.
    pub no_alert: Option<Reason>,
    pub config: Config,
    pub work: Work,
    /// The longest wait for the custodians.
    pub wait: Duration,
    /// The faults that a drill injects.
    pub injected: InjectedFaults,
    /// The names of the custodians whom a drill does not ask.
    pub absent: Vec<String>,
    pub events: Events,
    /// The earlier uses of the vault. [`OpenRequest::check`] reads them.
    pub earlier: OnceCell<EarlierUses>,
}

impl OpenRequest<'_> {
    /// Refuses an opening that cannot succeed, before any custodian is asked.
    ///
    /// # Errors
    /// Fails with a usage error if the opening is refused. Fails also if the ledger cannot be written.
    pub fn check(&self, ledger: &Ledger) -> Result<()> {
        let copy = self.vault.manifest.drill_of.is_none().then(|| shipping::read_copy(&self.config, ledger));
        self.check_window()?;
        self.check_channels()?;
        self.work.fits(self.vault.manifest.lane, self.target.mfa)?;
        self.work.check()?;
        self.check_console()?;
        ledger.check()?;
        let earlier = EarlierUses::read(self.path, self.vault, ledger, &self.config.ledgers, copy.flatten())?;
        if self.older_epoch.is_none() {
            earlier.check_epoch()?;
        }
        if !self.may_be_spent() {
            earlier.check_spent()?;
        }
        earlier.warn(self.target);
        let _ = self.earlier.set(earlier);
        Ok(())
    }

    /// Returns whether the opening is allowed to use spent credentials: credentials that were used before and not
    /// rotated since. A drill is always allowed to use spent credentials.
    fn may_be_spent(&self) -> bool {
        self.again.is_some() || self.vault.manifest.drill_of.is_some()
    }

    /// Asks for the quorum, opens the window, keeps the window open, and closes it.
    ///
    /// # Errors
    /// Fails with status 10 if access might be open. With any other status, nothing is enabled.
    pub fn run(self, session: SessionId, ledger: Ledger) -> Result<WindowEnd> {
        let earlier = self.earlier.get().map(EarlierUses::rows).unwrap_or_default();
        let static_vault = (self.vault.manifest.lane == Lane::Gate)
            .then(|| sibling_vault::static_vault(self.path, &self.target.account))
            .flatten();
        // The preload reads certificates and the AWS configuration in the background, while custodians are asked.
        let mut preload = Preload::start();
        let request = self.request(session, preload.custom_endpoints()?);
        let quorum = quorum::gather(&QuorumRequest {
            vault: self.vault,
            path: self.path,
            asked: Asked::Open { request: &request, rows: &earlier },
            wait: self.wait,
            ledger: &ledger,
            events: self.events,
            absent: &self.absent,
        })?;
        let ledger = match self.earlier.get() {
            None => ledger,
            Some(earlier) => {
                // Another process on this machine might have used the same credentials while custodians were asked.
                let earlier = earlier.read_again(&ledger, &self.config.ledgers)?;
                if !self.may_be_spent() {
                    earlier.check_spent()?;
                }
                ledger.judged_by(earlier.into_vaults())
            }
        };
        let approved = Approved::by(self.vault, request, &quorum.approvals)?;
        if self.vault.manifest.drill_of.is_none() {
            last_session::note(self.path, &self.vault.manifest.vault_id, session);
        }
        let Unsealed { target, alerts, runbook } =
            target::unseal(self.vault, &quorum.shares, &self.target.name)?;
        drop(quorum);
        session::open(ApprovedOpening {
            vault: VaultFacts::of(self.vault, self.path),
            approved,
            target,
            work: self.work,
            ledger,
            events: self.events,
            static_vault,
            alerts,
            runbook,
            config: self.config,
            faults: self.injected,
            preload,
        })
    }

    fn check_window(&self) -> Result<()> {
        let (window, longest) = (self.window, self.target.max_window);
        if window <= longest {
            return Ok(());
        }
        Err(Error::usage(format!(
            "{window} is longer than {longest}, the longest window of {}",
            self.target.name
        ))
        .next(format!("open for at most {longest}; if that is not enough, close and open again")))
    }

    fn check_console(&self) -> Result<()> {
        if !matches!(self.work, Work::Console) || self.target.console {
            return Ok(());
        }
        Err(Error::usage(format!(
            "the grant of {} does not allow sts:GetFederationToken, which --console needs",
            self.target.name
        ))
        .next("open without --console, and seal the next vault with a grant that allows it"))
    }

    fn check_channels(&self) -> Result<()> {
        let silent = self.vault.manifest.alerts.is_empty() && self.config.alerts.is_empty();
        if !silent || self.no_alert.is_some() {
            return Ok(());
        }
        Err(Error::failed("this vault has no alert channels, so no alert would be sent; nothing was enabled")
            .next(
                "pass --no-alert \"reason\", which the custodians sign; seal the next vault with \"alerts\"",
            ))
    }

    /// Returns the request that the custodians are asked to approve.
    fn request(&self, session: SessionId, endpoints: Vec<CustomEndpoint>) -> Request {
        let manifest = &self.vault.manifest;
        let text = |reason: &Reason| reason.0.clone();
        Request {
            again: self.again.as_ref().map(text),
            credentials_epoch: manifest.credentials_epoch,
            drill_of: manifest.drill_of.clone(),
            endpoints,
            epoch: manifest.epoch,
            extra_key: self.extra_key.as_ref().map(text),
            lane: manifest.lane,
            network: None,
            no_alert: self.no_alert.as_ref().map(text),
            older_epoch: self.older_epoch.as_ref().map(text),
            reason: text(&self.reason),
            session,
            targets: vec![self.target.clone()],
            vault_id: manifest.vault_id.clone(),
            window: self.window.seconds().into(),
        }
    }
}

/// A reason: one line of 1–200 visible characters, with single spaces between words.
pub struct Reason(String);

impl Reason {
    /// Returns the text with single spaces between its words.
    ///
    /// # Errors
    /// Fails with a usage error if the text is not one line of 1–200 visible characters. The error names the option.
    pub fn new(option: &str, text: &str) -> Result<Self> {
        let space = |c: char| c.is_whitespace() && !c.is_control();
        let line = text.split(space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let fits = (1..=200).contains(&line.chars().count()) && !line.chars().any(is_unseen);
        if fits && line.chars().any(char::is_alphanumeric) {
            return Ok(Self(line));
        }
        Err(Error::usage(format!("--{option} must be one line of 1–200 visible characters"))
            .next(format!("give the reason with --{option}; it is recorded")))
    }

    pub fn optional(option: &str, text: Option<&str>) -> Result<Option<Self>> {
        text.map(|text| Self::new(option, text)).transpose()
    }
}
