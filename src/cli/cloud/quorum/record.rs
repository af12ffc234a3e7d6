//! What custodians approve, in words, and what of a gathering goes on record.

use jiff::Timestamp;

use super::Gathering;
use super::failure::Purpose;
use crate::custody::approval::Request;
use crate::custody::statement::LedgerHead;
use crate::error::{Error, Result};
use crate::events::Event;
use crate::ledger::{Record, SharePurpose};
use crate::terminal::{listed, warning};
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::Custodian;

/// The same in a few words, as a custodian's finger is on the token.
pub fn short(request: &Request) -> String {
    let targets: Vec<_> = request.targets.iter().map(|target| target.name.as_str()).collect();
    let drill = if request.drill_of.is_some() { "a drill of " } else { "" };
    format!("opening {drill}{} for {}", listed(&targets, "and"), window(request))
}

fn window(request: &Request) -> String {
    let window = jiff::SignedDuration::from_secs(request.window.try_into().unwrap_or(i64::MAX));
    format!("{window:#}")
}

/// What is to be approved, before anybody is asked for it; and who will be told of it.
pub fn summary(vault: &Vault, request: &Request) -> String {
    let targets: Vec<_> = request
        .targets
        .iter()
        .map(|t| format!("{} (user {}, account {})", t.name, t.user, t.account))
        .collect();
    let targets: Vec<_> = targets.iter().map(String::as_str).collect();
    let what = if request.drill_of.is_some() { "a drill, session" } else { "session" };
    let alerts: Vec<_> = vault.manifest.alerts.iter().map(String::as_str).collect();
    let told = if alerts.is_empty() {
        "nobody whom the vault names, only this machine's own channels".to_owned()
    } else {
        listed(&alerts, "and")
    };
    let mut text = format!(
        "breakglass: to be approved: {what} {}\n  opens    {} for {}\n  reason   {}\n  told     {told}",
        request.session,
        listed(&targets, "and"),
        window(request),
        request.reason
    );
    let more = [("again", &request.again), ("no alert", &request.no_alert), ("AWS at", &request.endpoint)];
    for (name, why) in more.iter().filter_map(|(name, why)| Some((name, why.as_ref()?))) {
        text = format!("{text}\n  {name:8} {why}");
    }
    text
}

impl Gathering<'_> {
    /// Where the ledger stands: each approval says it, so that nothing before it can be changed unseen.
    pub(super) fn head(&self) -> Result<LedgerHead> {
        Ok(self.ledger.head()?.into())
    }

    /// On record before the share is given.
    ///
    /// # Errors
    /// When the ledger does not take it: then nobody gives a share.
    pub(super) fn approved_by(&mut self, custodian: &Custodian, envelope: &Envelope) -> Result<()> {
        let Some(request) = self.request else { return Ok(()) };
        let (session, name) = (request.session, custodian.name.clone());
        let (vault, credentials_epoch) = self.credentials();
        let at = Timestamp::now();
        let envelope = envelope.clone();
        self.approvals.push(envelope.clone());
        let record = Record::Approval { session, vault, credentials_epoch, custodian: name, envelope };
        self.ledger.append(at, record).map_err(not_recorded)?;
        self.events.emit(at, Event::Approval { session, custodian: &custodian.name });
        Ok(())
    }

    /// On record once it is here. A close goes on without a ledger.
    pub(super) fn given_by(&self, custodian: &Custodian) -> Result<()> {
        let (vault, credentials_epoch) = self.credentials();
        let to = if self.request.is_some() { SharePurpose::Open } else { SharePurpose::Close };
        let session = self.request.map(|request| request.session);
        let record =
            Record::Share { session, vault, credentials_epoch, custodian: custodian.name.clone(), to };
        if let Purpose::Open = self.purpose {
            return self.ledger.append(Timestamp::now(), record).map_err(not_recorded);
        }
        if let Err(error) = self.ledger.hurried().append(Timestamp::now(), record) {
            warning(&error.what);
        }
        Ok(())
    }

    fn credentials(&self) -> (String, u64) {
        let manifest = &self.vault.manifest;
        (manifest.vault_id.clone(), manifest.credentials_epoch.into())
    }
}

fn not_recorded(error: Error) -> Error {
    error.and("nothing was enabled")
}
