//! The text that custodians approve before an opening, and the ledger records of approvals and shares.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::purpose::target_text;
use super::release::CloseRequest;
use crate::custody::statement::approval::Request;
use crate::custody::statement::network::endpoints_text;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::ledger::{Ledger, Record, SharePurpose};
use crate::terminal::listed;
use crate::time_text;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::Custodian;

/// The inputs of [`super::gather`].
pub struct QuorumRequest<'a> {
    pub vault: &'a Vault,
    /// The path of the vault file.
    pub path: &'a Path,
    /// What the custodians are asked for.
    pub asked: Asked<'a>,
    /// The longest wait for the custodians.
    pub wait: Duration,
    /// The ledger that records approvals and shares.
    pub ledger: &'a Ledger,
    pub events: Events,
    /// The names of custodians who are not asked.
    pub absent: &'a [String],
}

/// What custodians are asked for: to approve an opening, or to give shares to close.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    Open {
        request: &'a Request,
        /// Further rows of the text that the custodians approve, each with a name and a text.
        rows: &'a [(&'static str, String)],
    },
    Close(&'a CloseRequest),
}

/// Returns a one-line summary of the request, for the prompt that asks for a touch.
pub fn short(request: &Request) -> String {
    let targets: Vec<_> = request.targets.iter().map(|target| target.name.as_str()).collect();
    let drill = if request.drill_of.is_some() { "a drill of " } else { "" };
    format!("opening {drill}{} for {}", listed(&targets, "and"), time_text::seconds(request.window))
}

/// Returns the text of the request that is shown before the first custodian is asked.
pub fn summary(vault: &Vault, request: &Request, rows: &[(&'static str, String)]) -> String {
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
        target_text(&request.targets),
        time_text::seconds(request.window),
        request.reason
    );
    let endpoints = Some(endpoints_text(&request.endpoints)).filter(|text| !text.is_empty());
    for (name, row) in rows {
        text = format!("{text}\n  {name:8} {row}");
    }
    let older = request.older_epoch.as_ref();
    let older = older.map(|why| format!("{}, even if a later epoch was opened: {why}", request.epoch));
    let more = [
        ("again", &request.again),
        ("epoch", &older),
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

    /// Records that a share was given. For a close, the record is written in the background.
    ///
    /// # Errors
    /// For an opening, fails if the ledger cannot be written.
    pub(super) fn record_share(&self, custodian: &Custodian) -> Result<()> {
        let request = match self.asked {
            Asked::Open { request, .. } => request,
            Asked::Close(request) => {
                request.record_share(self.vault, &custodian.name);
                return Ok(());
            }
        };
        let (vault, credentials_epoch) = self.credentials();
        let (session, purpose) = (Some(request.session), SharePurpose::Open);
        let record =
            Record::Share { session, vault, credentials_epoch, custodian: custodian.name.clone(), purpose };
        self.ledger.append(Timestamp::now(), record).map_err(not_recorded)
    }

    fn credentials(&self) -> (String, u64) {
        let manifest = &self.vault.manifest;
        (manifest.vault_id.clone(), manifest.credentials_epoch.into())
    }
}

fn not_recorded(error: Error) -> Error {
    error.and("nothing was enabled")
}
