//! The text that custodians approve, and the ledger records of approvals and shares.

use std::time::Duration;

use jiff::Timestamp;

use crate::custody::statement::approval::Request;
use crate::custody::statement::network::endpoints_text;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::ledger::{Ledger, Record, SharePurpose};
use crate::terminal::{listed, warning};
use crate::time_text;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::Custodian;

/// The inputs of [`super::gather`].
pub struct QuorumRequest<'a> {
    pub vault: &'a Vault,
    /// The request to approve; `None` for a close, which needs no approval.
    pub request: Option<&'a Request>,
    /// The longest wait for the custodians.
    pub wait: Duration,
    /// The ledger that records approvals and shares.
    pub ledger: &'a Ledger,
    pub events: Events,
    /// The names of custodians who are not asked.
    pub absent: &'a [String],
}

/// Returns a one-line summary of the request, for the prompt that asks for a touch.
pub fn short(request: &Request) -> String {
    let targets: Vec<_> = request.targets.iter().map(|target| target.name.as_str()).collect();
    let drill = if request.drill_of.is_some() { "a drill of " } else { "" };
    format!("opening {drill}{} for {}", listed(&targets, "and"), time_text::seconds(request.window))
}

/// Returns the text of the request that is shown before the first custodian is asked.
pub fn summary(vault: &Vault, request: &Request) -> String {
    let targets: Vec<_> = request
        .targets
        .iter()
        .map(|t| format!("{} (user {}, account {})", t.name, t.user, t.account))
        .collect();
    let targets: Vec<_> = targets.iter().map(String::as_str).collect();
    let what = if request.drill_of.is_some() { "a drill, session" } else { "session" };
    let alerts: Vec<_> = vault.manifest.alerts.iter().map(String::as_str).collect();
    let alerts = if alerts.is_empty() {
        "no channel of the vault, only this machine's channels".to_owned()
    } else {
        listed(&alerts, "and")
    };
    let mut text = format!(
        "breakglass: please approve: {what} {}\n  opens    {} for {}\n  reason   {}\n  alerts   {alerts}",
        request.session,
        listed(&targets, "and"),
        time_text::seconds(request.window),
        request.reason
    );
    let endpoints = Some(endpoints_text(&request.endpoints)).filter(|text| !text.is_empty());
    let more = [
        ("again", &request.again),
        ("2nd key", &request.extra_key),
        ("no alert", &request.no_alert),
        ("AWS at", &endpoints),
    ];
    for (name, why) in more.iter().filter_map(|(name, why)| Some((name, why.as_ref()?))) {
        text = format!("{text}\n  {name:8} {why}");
    }
    text
}

impl QuorumRequest<'_> {
    /// Records a signed approval. The custodian gives a share only after this record is written.
    ///
    /// # Errors
    /// Fails if the ledger cannot be written. Without the record, the custodian gives no share.
    pub(super) fn record_approval(
        &self,
        request: &Request,
        custodian: &Custodian,
        envelope: &Envelope,
    ) -> Result<()> {
        let session = request.session;
        let (vault, credentials_epoch) = self.credentials();
        let at = Timestamp::now();
        let (envelope, name) = (envelope.clone(), custodian.name.clone());
        let record = Record::Approval { session, vault, credentials_epoch, custodian: name, envelope };
        self.ledger.append(at, record).map_err(not_recorded)?;
        self.events.emit(at, Event::Approval { session, custodian: &custodian.name });
        Ok(())
    }

    /// Records that a share was given. If the ledger cannot be written, an opening fails, but a close continues with
    /// a warning.
    pub(super) fn record_share(&self, custodian: &Custodian) -> Result<()> {
        let (vault, credentials_epoch) = self.credentials();
        let session = self.request.map(|request| request.session);
        let purpose = if session.is_some() { SharePurpose::Open } else { SharePurpose::Close };
        let record =
            Record::Share { session, vault, credentials_epoch, custodian: custodian.name.clone(), purpose };
        if session.is_some() {
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
