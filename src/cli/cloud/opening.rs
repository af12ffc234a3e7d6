//! An opening from its first check to its proven end: the one way that `open` and `drill` both go.

use std::path::PathBuf;

use super::quorum::{self, Asked};
use super::{sibling_vault, target};
use crate::aws::{InjectedFaults, Preload};
use crate::config::Config;
use crate::custody::approval::{Approved, Request};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::{Entry, Ledger, VaultFacts, is_spent, spent};
use crate::review;
use crate::session::{self, ApprovedOpening, Work};
use crate::terminal::warning;
use crate::vault::duration::Span;
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Lane};
use crate::vault::names::is_unseen;

/// What is ordered.
pub struct Order {
    /// Where the vault is.
    pub path: PathBuf,
    /// The vault.
    pub vault: Vault,
    /// The target's name, if it was named.
    pub target: Option<String>,
    /// The window's length.
    pub window: Span,
    /// Why.
    pub reason: String,
    /// Why once more.
    pub again: Option<String>,
    /// Why without an acknowledged alert.
    pub no_alert: Option<String>,
    /// What this machine adds.
    pub config: Config,
    /// What the window is for.
    pub work: Work,
    /// How long custodians are waited for.
    pub wait: Span,
    /// What is made to fail.
    pub injected: InjectedFaults,
    /// Custodians who play absent.
    pub absent: Vec<String>,
    /// Where it is told to machines.
    pub events: Events,
}

impl Order {
    /// Refuses what cannot be, before anybody is woken.
    ///
    /// # Errors
    /// Usage, or a ledger that takes no record.
    pub fn check(&self, ledger: &Ledger) -> Result<()> {
        let summary = self.target()?;
        check_window(self.window, summary)?;
        check_reason("reason", &self.reason)?;
        self.again.as_deref().map_or(Ok(()), |why| check_reason("again", why))?;
        self.no_alert.as_deref().map_or(Ok(()), |why| check_reason("no-alert", why))?;
        self.check_channels()?;
        self.work.fits(self.vault.manifest.lane, summary.mfa)?;
        self.work.check()?;
        ledger.check()?;
        let seen = ledger.entries_with(&self.config.ledgers)?;
        for error in seen.wrong() {
            warning(error);
        }
        let entries = seen.entries();
        self.check_epoch(&entries)?;
        self.check_spent(&entries)?;
        self.warn_of_unreviewed(&entries);
        Ok(())
    }

    /// Somebody can be told, or it is said why nobody is.
    fn check_channels(&self) -> Result<()> {
        let nobody = self.vault.manifest.alerts.is_empty() && self.config.alerts.is_empty();
        if !nobody || self.no_alert.is_some() {
            return Ok(());
        }
        Err(Error::failed("this vault has no alert channels, so nobody would be told; nothing was enabled")
            .next("say why in --no-alert WHY, which the custodians sign; seal the next one with \"alerts\""))
    }

    /// Credentials that were opened count as spent until they are rotated, as far as the ledgers that this machine
    /// sees know; a drill's never do.
    fn check_spent(&self, entries: &[Entry]) -> Result<()> {
        let manifest = &self.vault.manifest;
        let excused = self.again.is_some() || manifest.drill_of.is_some();
        let spent = spent(entries, &manifest.vault_id, manifest.credentials_epoch.into());
        spent.filter(|_| !excused).map_or(Ok(()), |session| Err(is_spent(session)))
    }

    /// A vault that a later one has replaced, as far as the ledgers that this machine sees know.
    fn check_epoch(&self, entries: &[Entry]) -> Result<()> {
        let (id, own) = (&self.vault.manifest.vault_id, u64::from(self.vault.manifest.epoch));
        let intents = entries.iter().filter_map(|entry| entry.record.intent());
        let latest = intents.filter(|intent| intent.vault == id).map(|intent| intent.epoch).max();
        match latest.filter(|latest| *latest > own) {
            Some(latest) => Err(Error::usage(format!(
                "{} is epoch {own} of its vault, and epoch {latest} was opened before; nothing was enabled",
                self.path.display()
            ))
            .next("take the newer file; the custodians' parts and tokens may be those of that one")),
            None => Ok(()),
        }
    }

    /// Gathers the quorum, opens, works, closes.
    ///
    /// # Errors
    /// By its status, whether anything is enabled.
    pub fn carry_out(self, session: SessionId, ledger: Ledger) -> Result<()> {
        let facts = VaultFacts::of(&self.vault, &self.path);
        let summary = self.target()?;
        let static_vault = (self.vault.manifest.lane == Lane::Gate)
            .then(|| sibling_vault::static_vault(&self.path, &summary.account))
            .flatten();
        // Certificates and configuration load while the custodians are asked.
        let mut preload = Preload::start();
        let request = self.request(session, summary, preload.custom_endpoints()?);
        let gathered = quorum::shares(&Asked {
            vault: &self.vault,
            request: Some(&request),
            wait: self.wait.duration(),
            ledger: &ledger,
            events: self.events,
            absent: &self.absent,
        })?;
        // Somebody else at this machine may have been quicker.
        self.check_spent(&ledger.entries_with(&self.config.ledgers)?.entries())?;
        let approved = Approved::by(&self.vault, request, &gathered.approvals)?;
        let (target, alerts) = target::unseal(&self.vault, &gathered.shares, &summary.name)?;
        drop(gathered);
        let Self { vault, work, events, injected, config, .. } = self;
        drop(vault);
        session::open(ApprovedOpening {
            vault: facts,
            approved,
            target,
            work,
            ledger,
            events,
            static_vault,
            alerts,
            config,
            faults: injected,
            preload,
        })
    }

    /// A use that nobody has reviewed is said before the next.
    fn warn_of_unreviewed(&self, entries: &[Entry]) {
        for session in review::unreviewed(entries, &self.vault.manifest) {
            warning(format_args!(
                "the use in session {session} was never reviewed\n  next: breakglass review {session}, and have a custodian sign it"
            ));
        }
    }

    fn target(&self) -> Result<&manifest::Target> {
        target::choose(&self.vault, self.target.as_deref())
    }

    /// What the custodians approve.
    fn request(&self, session: SessionId, target: &manifest::Target, endpoint: Option<String>) -> Request {
        let manifest = &self.vault.manifest;
        Request {
            again: self.again.clone(),
            credentials_epoch: manifest.credentials_epoch,
            drill_of: manifest.drill_of.clone(),
            endpoint,
            epoch: manifest.epoch,
            lane: manifest.lane,
            no_alert: self.no_alert.clone(),
            reason: self.reason.clone(),
            session,
            targets: vec![target.clone()],
            vault_id: manifest.vault_id.clone(),
            window: self.window.seconds().into(),
        }
    }
}

fn check_window(window: Span, summary: &manifest::Target) -> Result<()> {
    if window <= summary.max_window {
        return Ok(());
    }
    let longest = summary.max_window;
    Err(Error::usage(format!("{window} is longer than {longest}, the longest window of {}", summary.name))
        .next(format!("open for at most {longest}; when that is not enough, close and open again")))
}

/// A reason as it is shown and signed: its words, with one blank between them.
pub fn one_line(reason: &str) -> String {
    let blank = |c: char| c.is_whitespace() && !c.is_control();
    reason.split(blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn check_reason(option: &str, reason: &str) -> Result<()> {
    let says_something = reason.chars().any(char::is_alphanumeric);
    let fits =
        (1..=200).contains(&reason.chars().count()) && !reason.chars().any(is_unseen) && says_something;
    if fits {
        Ok(())
    } else {
        Err(Error::usage(format!(
            "--{option} is not 1 to 200 characters on one line, all of them to be seen"
        ))
        .next(format!("say why in --{option}, for the record")))
    }
}
