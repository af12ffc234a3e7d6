//! The statement that each custodian signs if a quorum closes access. The statement names the targets and the session
//! that the custodian agrees to close.

use serde::{Deserialize, Serialize};

use super::form;
use super::network::{self, CustomEndpoint, NetworkPath};
use super::request::{RequestStatement, SignedRequest};
use crate::gate::SessionId;
use crate::vault::manifest::{Manifest, TargetSummary};

/// The fields of the statement that have the same values for all custodians of one close.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClosePurpose {
    /// The custom endpoints, sorted by service. The list is empty if only AWS's endpoints are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<CustomEndpoint>,
    /// The epoch of the vault: a number that each reseal raises.
    pub epoch: u32,
    /// The network settings of the connection to AWS. `None` if all settings have their defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkPath>,
    /// The session to close, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The targets to close, as the manifest describes them.
    pub targets: Vec<TargetSummary>,
    /// The vault's ID.
    pub vault_id: String,
}

/// The statement that one custodian signs when a quorum closes access.
pub type CloseStatement = RequestStatement<ClosePurpose>;

impl SignedRequest for ClosePurpose {
    const TYPE: &'static str = "application/vnd.breakglass.close.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:close:v1";

    fn check(&self) -> Result<(), &'static str> {
        form::epoch("epoch", self.epoch)?;
        form::hex("vault_id", &self.vault_id, 16)?;
        form::targets(&self.targets)?;
        network::check(&self.endpoints, self.network.as_ref())
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.vault_id == manifest.vault_id
            && self.epoch == manifest.epoch
            && self.targets.iter().all(|target| manifest.targets.contains(target))
    }
}
