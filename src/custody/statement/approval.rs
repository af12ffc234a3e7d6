//! The signed approval of one opening. A custodian's token signs the request first and then decrypts the token's half
//! of the share.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::network::{CustomEndpoint, NetworkPath};
use super::{LedgerHead, Predicate, Statement, StatementError, signer};
use crate::custody::token::{Token, TokenError};
use crate::error::{Error, Result, Status};
use crate::gate::SessionId;
use crate::secret::SecretText;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Custodian, Lane, Manifest};

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

/// The statement of one custodian: the request, the custodian's identity, and the ledger's head.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The custodian's name.
    pub custodian: String,
    /// The ID of the custodian's enrolment.
    pub enrolment: String,
    /// The ledger's head at the time of signing.
    pub ledger: LedgerHead,
    /// Whether the custodian approved on a different machine than the machine that opens the vault.
    pub remote: bool,
    /// The approved request.
    pub request: Request,
    /// The serial number of the custodian's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine that the token is plugged into.
    pub signed: Timestamp,
}

impl Predicate for Approval {
    const TYPE: &'static str = "application/vnd.breakglass.open.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:open:v1";
}

/// A request that a quorum approved. Only [`Approved::by`] creates values of this type.
#[derive(Debug)]
pub struct Approved {
    request: Request,
    custodians: Vec<String>,
}

/// Asks a custodian's token to sign an approval of `request`. The approval also contains the time `at` and the
/// ledger's head `ledger`.
///
/// # Errors
/// See [`TokenError`].
#[allow(
    clippy::too_many_arguments,
    reason = "the arguments are the statement's fields and the token's inputs"
)]
pub fn sign(
    vault: &Vault,
    request: &Request,
    (custodian, enrolled): (&Custodian, &manifest::EnrolledToken),
    (at, ledger): (Timestamp, LedgerHead),
    token: &mut dyn Token,
    pin: &SecretText,
    touch: &mut dyn FnMut(),
) -> Result<Envelope, TokenError> {
    let approval = Approval {
        custodian: custodian.name.clone(),
        enrolment: custodian.enrolment.clone(),
        ledger,
        remote: false,
        request: request.clone(),
        serial: enrolled.serial,
        signed: at,
    };
    Statement::of(&vault.manifest.label, &vault.sha256, approval).sign(enrolled, token, pin, touch)
}

/// Reads an approval and checks that a custodian in `manifest` signed it with an enrolled token.
///
/// # Errors
/// See [`StatementError`].
pub fn verify<'a>(
    manifest: &'a Manifest,
    envelope: &Envelope,
) -> Result<(&'a Custodian, &'a manifest::EnrolledToken, Statement<Approval>), StatementError> {
    let statement = Statement::<Approval>::read(envelope)?;
    let Approval { enrolment, custodian, serial, .. } = &statement.predicate;
    let (custodian, token) = signer(manifest, (custodian, enrolment, *serial), envelope)?;
    Ok((custodian, token, statement))
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
            let (custodian, _, statement) =
                verify(&vault.manifest, envelope).map_err(|why| refused(&why.to_string()))?;
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
