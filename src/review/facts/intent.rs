//! What was meant: the session and its vault.

use serde::Serialize;

use super::session_records::SessionRecords;
use crate::gate::SessionId;
use crate::ledger::{Intent, Principals};
use crate::vault::file::Vault;
use crate::vault::manifest::{Lane, Manifest};
use crate::vault::target::TargetId;
use crate::vault::words;

/// What was meant.
#[derive(Clone, Debug, Serialize)]
pub struct SessionFacts {
    /// The session.
    pub id: SessionId,
    /// It was a drill.
    pub drill: bool,
    /// How the window was made.
    pub lane: Lane,
    /// The user.
    pub target: TargetId,
    /// Where the grant held.
    pub regions: Vec<String>,
    /// SHA-256 of the grant as it was sealed, hex: from the manifest, where that is of the very vault that was opened.
    pub grant_sha256: Option<String>,
    /// Why.
    pub reason: String,
    /// Why once more, after an opening before.
    pub again: Option<String>,
    /// Why without an alert that was acknowledged.
    pub no_alert: Option<String>,
    /// Where AWS was taken to be, if not at its own addresses.
    pub endpoint: Option<String>,
    /// Whose calls are reviewed.
    pub principals: Principals,
    /// Access key ids of issued sessions.
    pub issued: Vec<String>,
}

/// Which vault.
#[derive(Clone, Debug, Serialize)]
pub struct OpenedVault {
    /// Its id.
    pub id: String,
    /// Its label, from the manifest.
    pub label: Option<String>,
    /// How many custodians it takes, from the manifest.
    pub threshold: Option<u8>,
    /// Its epoch.
    pub epoch: u64,
    /// The epoch of its credentials.
    pub credentials_epoch: u64,
    /// SHA-256 of its binary form, hex.
    pub sha256: String,
    /// The first words of that.
    pub words: Option<String>,
    /// The alert channels that are sealed in it, by the manifest of the very file that was opened.
    pub channels: Vec<String>,
    /// The vault that was given for this review is that file, to the byte.
    pub is_the_file: Option<bool>,
    /// The epoch of the vault that was given for this review, and the epoch of its credentials.
    pub given: Option<(u64, u64)>,
    /// The id of the vault that was practised for, in a drill.
    pub drill_of: Option<String>,
}

impl SessionFacts {
    pub(super) fn of(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Self {
        let intent = &own.intent;
        let own_manifest = manifest.filter(|manifest| u64::from(manifest.epoch) == intent.epoch);
        let mut targets = own_manifest.into_iter().flat_map(|manifest| &manifest.targets);
        let target = targets.find(|target| target.name == intent.target.name);
        Self {
            grant_sha256: target.map(|target| target.grant_sha256.clone()),
            id: intent.session,
            drill: intent.drill_of.is_some(),
            lane: intent.lane,
            target: intent.target.clone(),
            regions: intent.regions.to_vec(),
            reason: intent.reason.to_owned(),
            again: intent.again.map(str::to_owned),
            no_alert: intent.no_alert.map(str::to_owned),
            endpoint: intent.endpoint.map(str::to_owned),
            principals: intent.principals.clone(),
            issued: own.issued().map(str::to_owned).collect(),
        }
    }
}

impl OpenedVault {
    pub(super) fn of(intent: &Intent<'_>, vault: Option<&Vault>) -> Self {
        let own = vault.filter(|vault| hex::encode(vault.sha256) == intent.sha256);
        let manifest = vault.map(|vault| &vault.manifest);
        let mut digest = [0; 32];
        let known = hex::decode_to_slice(intent.sha256, &mut digest).is_ok();
        Self {
            id: intent.vault.to_owned(),
            label: manifest.map(|manifest| manifest.label.clone()),
            threshold: manifest.map(|manifest| manifest.threshold.get()),
            epoch: intent.epoch,
            credentials_epoch: intent.credentials_epoch,
            sha256: intent.sha256.to_owned(),
            channels: own.iter().flat_map(|vault| &vault.manifest.alerts).cloned().collect(),
            is_the_file: vault.map(|_| own.is_some()),
            words: known.then(|| words::of(&digest)),
            given: manifest.map(|manifest| (manifest.epoch.into(), manifest.credentials_epoch.into())),
            drill_of: intent.drill_of.map(str::to_owned),
        }
    }
}
