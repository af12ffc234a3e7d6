//! The signed approval of one opening. A custodian's token signs the request first and then decrypts the token's half
//! of the share.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::network::{self, CustomEndpoint, NetworkPath};
use super::request::{RequestStatement, SignedRequest};
use super::{Statement, form};
use crate::error::{Error, Result, Status};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Lane, Manifest};

/// The longest window in seconds: 12 hours, like the longest `max_window` of a target.
const MAX_WINDOW: u64 = 12 * 3600;

/// A request to open a vault. Every custodian signs the same request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The reason for opening with credentials that are already spent: they were opened before, and not rotated since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
    /// The epoch of the vault's credentials: a number that a reseal with new credentials raises.
    pub credentials_epoch: u32,
    /// In a drill: the ID of the real vault. The drill practises an opening of the real vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_of: Option<String>,
    /// The custom endpoints, sorted by service. The list is empty if only AWS's endpoints are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<CustomEndpoint>,
    /// The epoch of the vault: a number that each reseal raises.
    pub epoch: u32,
    /// The reason for opening, although the emergency user has a second access key, which is inactive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_key: Option<String>,
    /// The lane: how access is opened and closed.
    pub lane: Lane,
    /// The network settings of the connection to AWS. `None` if all settings have their defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkPath>,
    /// The reason for opening, although no alert was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_alert: Option<String>,
    /// The reason for opening this vault file although a newer file of the vault was opened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_epoch: Option<String>,
    /// The reason for opening.
    pub reason: String,
    /// The session's ID.
    pub session: SessionId,
    /// The targets of the opening, as the manifest describes them.
    pub targets: Vec<manifest::TargetSummary>,
    /// The vault's ID.
    pub vault_id: String,
    /// The duration of the window in seconds.
    pub window: u64,
}

/// The approval of one custodian.
pub type Approval = RequestStatement<Request>;

impl SignedRequest for Request {
    const TYPE: &'static str = "application/vnd.breakglass.open.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:open:v1";

    fn check(&self) -> Result<(), &'static str> {
        let optional = [
            ("again", &self.again),
            ("extra_key", &self.extra_key),
            ("no_alert", &self.no_alert),
            ("older_epoch", &self.older_epoch),
        ];
        for (field, text) in optional {
            text.as_ref().map_or(Ok(()), |text| form::reason(field, text))?;
        }
        form::reason("reason", &self.reason)?;
        form::epoch("credentials_epoch", self.credentials_epoch)?;
        form::epoch("epoch", self.epoch)?;
        self.drill_of.as_ref().map_or(Ok(()), |id| form::hex("drill_of", id, 16))?;
        form::hex("vault_id", &self.vault_id, 16)?;
        form::ensure("window", (1..=MAX_WINDOW).contains(&self.window))?;
        form::targets(&self.targets)?;
        network::check(&self.endpoints, self.network.as_ref())
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.vault_id == manifest.vault_id
            && (self.epoch, self.credentials_epoch) == (manifest.epoch, manifest.credentials_epoch)
            && (self.lane, &self.drill_of) == (manifest.lane, &manifest.drill_of)
            && self.targets.iter().all(|target| manifest.targets.contains(target))
    }
}

/// A request that a quorum approved. Only [`Approved::by`] creates values of this type.
#[derive(Debug)]
pub struct Approved {
    request: Request,
    custodians: Vec<String>,
}

impl Approved {
    /// Checks that `envelopes` are approvals of exactly `request` by at least the threshold of custodians.
    ///
    /// # Errors
    /// Returns [`Status::NoQuorum`]. The error message says which approval is not valid, or how many custodians
    /// approved.
    pub fn by(vault: &Vault, request: Request, envelopes: &[Envelope]) -> Result<Self> {
        let refused = |why: &str| {
            Error::new(Status::NoQuorum, format!("no quorum of signed approvals: {why}; nothing was enabled"))
        };
        let mut custodians = BTreeSet::new();
        for envelope in envelopes {
            let (custodian, _, statement) = Statement::<Approval>::signed(&vault.manifest, envelope)
                .map_err(|why| refused(&why.to_string()))?;
            let of_this = statement.subject().digest.sha256 == hex::encode(vault.sha256);
            if !of_this || statement.predicate.request != request {
                return Err(refused(&format!("{} approved something else", custodian.name)));
            }
            custodians.insert((custodian.index, custodian.name.clone()));
        }
        let (given, needed) = (custodians.len(), usize::from(vault.manifest.threshold.get()));
        if given < needed {
            return Err(refused(&format!("{given} of {needed} custodians")));
        }
        Ok(Self { request, custodians: custodians.into_iter().map(|(_, name)| name).collect() })
    }

    /// The approved request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The names of the custodians who approved, in the manifest's order.
    pub fn custodians(&self) -> &[String] {
        &self.custodians
    }
}
