//! The request to close: what custodians see and sign before they give shares to close, and the records of these shares.
//! Neither a signature nor a record delays the close.

use std::path::Path;

use jiff::Timestamp;

use super::purpose::target_text;
use crate::custody::statement::LedgerHead;
use crate::custody::statement::close::ClosePurpose;
use crate::custody::statement::network::{CustomEndpoint, endpoints_text};
use crate::events::{Event, Events};
use crate::ledger::{BackgroundRecords, Ledger, Record, SharePurpose};
use crate::session;
use crate::terminal::{listed, warning};
use crate::time_text;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::TargetSummary;
use crate::vault::target::TargetId;

/// A request to close with a quorum.
pub struct CloseRequest {
    pub purpose: ClosePurpose,
    /// The ledger's head before the first custodian is asked.
    pub head: LedgerHead,
    target: TargetId,
    /// The AWS profile with which the operator can close access, if it is known.
    close_profile: Option<String>,
    /// The end of the window (T1) of the session to close, if this time is known.
    until: Option<Timestamp>,
    records: BackgroundRecords,
}

impl CloseRequest {
    /// Returns the request to close `target`. Reads from the ledger which session is open. If the ledger cannot be
    /// read, prints a warning, and the request names no session.
    pub fn new(
        vault: &Vault,
        target: &TargetSummary,
        (ledger, close_profile): (&Ledger, Option<&str>),
        endpoints: Vec<CustomEndpoint>,
    ) -> Self {
        let now = ledger.impatient();
        let (head, open) = match now.head() {
            Ok(head) => (head.into(), now.unclosed(&target.account, &target.user).unwrap_or_default()),
            Err(error) => {
                warning(format_args!("{}; closing goes on", error.what));
                (LedgerHead { seq: 0, sha256: "0".repeat(64) }, Vec::new())
            }
        };
        let open = open.last();
        let manifest = &vault.manifest;
        let purpose = ClosePurpose {
            endpoints,
            epoch: manifest.epoch,
            network: None,
            session: open.map(|last| last.session),
            targets: vec![target.clone()],
            vault_id: manifest.vault_id.clone(),
        };
        let until = open.and_then(|last| last.until);
        let target = TargetId::from(target);
        let close_profile = close_profile.map(str::to_owned);
        Self { purpose, head, target, close_profile, until, records: BackgroundRecords::start(ledger) }
    }

    /// Returns the command that closes the same window with the operator's AWS credentials.
    pub fn command_with_profile(&self, path: &Path) -> String {
        session::close_with_profile_command(path, &self.target, self.close_profile.as_deref())
    }

    /// Returns the text that is shown before the first custodian is asked.
    pub fn summary(&self, vault: &Vault, path: &Path) -> String {
        let manifest = &vault.manifest;
        let (target, session) = (target_text(&self.purpose.targets), self.purpose.session);
        let session = match (session, self.until) {
            (Some(session), Some(until)) => {
                format!("{session}, whose window ends {}", time_text::local(until))
            }
            (Some(session), None) => session.to_string(),
            (None, _) => "no open session is recorded on this machine".to_owned(),
        };
        let alerts: Vec<_> = manifest.alerts.iter().map(String::as_str).collect();
        let alerts =
            if alerts.is_empty() { "this machine's channels".into() } else { listed(&alerts, "and") };
        let mut text = format!(
            "breakglass: please give your shares to close {target}\n  first    if you have AWS credentials, use \
             {}: it closes the same window, and needs no share\n  does     attaches AWSDenyAll and deactivates the \
             keys\n  session  {session}\n  shares   count as released; with {} shares the vault is decrypted, and \
             the credentials are spent: rotate and reseal\n  signed   by each YubiKey that can sign; a missing \
             signature, record or alert does not stop or delay the close\n  alerts   {alerts}",
            self.command_with_profile(path),
            manifest.threshold.get(),
        );
        if !self.purpose.endpoints.is_empty() {
            text = format!("{text}\n  AWS at   {}", endpoints_text(&self.purpose.endpoints));
        }
        text
    }

    /// Returns a short description of the request, for the prompt that asks for a touch.
    pub fn short(&self) -> String {
        let targets: Vec<_> = self.purpose.targets.iter().map(|target| target.name.as_str()).collect();
        format!("the request to close {}", listed(&targets, "and"))
    }

    /// Records a custodian's signature in the background.
    pub fn record_approval(&self, vault: &Vault, custodian: &str, envelope: &Envelope, events: Events) {
        let session = self.purpose.session;
        self.records.add(Record::CloseApproval {
            session,
            vault: vault.manifest.vault_id.clone(),
            credentials_epoch: vault.manifest.credentials_epoch.into(),
            custodian: custodian.to_owned(),
            envelope: envelope.clone(),
        });
        events.emit(Timestamp::now(), Event::CloseApproval { session, custodian });
    }

    /// Records in the background that a custodian gave a share.
    pub fn record_share(&self, vault: &Vault, custodian: &str) {
        self.records.add(Record::Share {
            session: self.purpose.session,
            vault: vault.manifest.vault_id.clone(),
            credentials_epoch: vault.manifest.credentials_epoch.into(),
            custodian: custodian.to_owned(),
            purpose: SharePurpose::Close,
        });
    }

    /// Waits for a limited time until the records are written. Prints a warning for each record that was not written.
    pub fn finish(self) {
        for failed in self.records.finish() {
            warning(format_args!("not recorded: {}: {}", failed.record, failed.why));
        }
    }
}
