//! The intent of the session, and the vault that the session opened.

use serde::Serialize;

use super::session_records::SessionRecords;
use crate::custody::statement::network::{CustomEndpoint, NetworkPath};
use crate::gate::SessionId;
use crate::ledger::{Intent, Principals};
use crate::vault::file::Vault;
use crate::vault::manifest::{Lane, Manifest};
use crate::vault::target::TargetId;
use crate::vault::words;

/// The facts from the session's intent.
#[derive(Clone, Debug, Serialize)]
pub struct SessionFacts {
    pub id: SessionId,
    pub drill: bool,
    pub lane: Lane,
    pub target: TargetId,
    /// The regions that the grant allows.
    pub regions: Vec<String>,
    /// SHA-256 of the sealed grant, in hex. `None` unless the given vault has the epoch that the session opened.
    pub grant_sha256: Option<String>,
    pub reason: String,
    /// The operator's reason to use spent credentials again.
    pub again: Option<String>,
    /// The operator's reason to open without an acknowledged alert.
    pub no_alert: Option<String>,
    /// The operator's reason to open although the emergency user has another access key.
    pub extra_key: Option<String>,
    /// The operator's reason to open a vault that a later epoch has replaced.
    pub older_epoch: Option<String>,
    /// The custom AWS endpoints, if the operator had set any.
    pub endpoints: Vec<CustomEndpoint>,
    /// The network settings of the operator's machine, if they differ from the defaults.
    pub network: Option<NetworkPath>,
    pub principals: Principals,
    /// The access key ids of the credentials that were issued for the window.
    pub issued: Vec<String>,
}

/// The vault that the session opened.
#[derive(Clone, Debug, Serialize)]
pub struct OpenedVault {
    pub id: String,
    /// The vault's label, from the manifest of the given vault.
    pub label: Option<String>,
    /// The number of custodians who are needed to open the vault, from the manifest of the given vault.
    pub threshold: Option<u8>,
    pub epoch: u64,
    pub credentials_epoch: u64,
    /// SHA-256 of the vault file in its binary form, in hex.
    pub sha256: String,
    /// The SHA-256 digest as six words.
    pub words: Option<String>,
    /// The names of the alert channels in the vault. The names are known only if the given vault is the file that was
    /// opened.
    pub channels: Vec<String>,
    /// Whether the vault that the reviewer gave is the file that the session opened. `None` if no vault was given.
    pub file_matches: Option<bool>,
    /// The epoch and the credentials epoch of the vault that the reviewer gave.
    pub file_given: Option<(u64, u64)>,
    /// In a drill, the id of the production vault for which the drill was held.
    pub drill_of: Option<String>,
}

impl SessionFacts {
    pub(super) fn of(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Self {
        let intent = &own.intent;
        let opened = manifest.filter(|manifest| u64::from(manifest.epoch) == intent.epoch);
        let mut targets = opened.into_iter().flat_map(|manifest| &manifest.targets);
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
            extra_key: intent.extra_key.map(str::to_owned),
            older_epoch: intent.older_epoch.map(str::to_owned),
            endpoints: intent.endpoints.to_vec(),
            network: intent.network.cloned(),
            principals: intent.principals.clone(),
            issued: own.issued().map(str::to_owned).collect(),
        }
    }
}

impl OpenedVault {
    pub(super) fn of(intent: &Intent<'_>, vault: Option<&Vault>) -> Self {
        let opened = vault.filter(|vault| hex::encode(vault.sha256) == intent.sha256);
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
            channels: opened.iter().flat_map(|vault| &vault.manifest.alerts).cloned().collect(),
            file_matches: vault.map(|_| opened.is_some()),
            words: known.then(|| words::of(&digest)),
            file_given: manifest.map(|manifest| (manifest.epoch.into(), manifest.credentials_epoch.into())),
            drill_of: intent.drill_of.map(str::to_owned),
        }
    }
}
