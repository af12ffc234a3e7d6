//! The statement that each custodian signs if a quorum closes access. The statement names the targets and the session
//! that the custodian agrees to close.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::network::{CustomEndpoint, NetworkPath};
use super::{LedgerHead, Predicate, Statement, StatementError, signer};
use crate::custody::token::{Token, TokenError};
use crate::gate::SessionId;
use crate::secret::SecretText;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::{Custodian, EnrolledToken, Manifest, TargetSummary};

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
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CloseStatement {
    /// The custodian's name.
    pub custodian: String,
    /// The ID of the custodian's enrolment.
    pub enrolment: String,
    /// The ledger's head before the first custodian was asked. If the ledger could not be read, the head is that of an
    /// empty ledger.
    pub ledger: LedgerHead,
    /// Whether the custodian gave the share on a different machine than the machine that closes access.
    pub remote: bool,
    /// The targets and the session to close.
    pub request: ClosePurpose,
    /// The serial number of the custodian's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine that the token is plugged into.
    pub signed: Timestamp,
}

impl Predicate for CloseStatement {
    const TYPE: &'static str = "application/vnd.breakglass.close.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:close:v1";
}

/// Asks a custodian's token to sign the request to close. The statement also contains the time `at` and the ledger's
/// head `ledger`.
///
/// # Errors
/// See [`TokenError`].
#[allow(
    clippy::too_many_arguments,
    reason = "the arguments are the statement's fields and the token's inputs"
)]
pub fn sign(
    vault: &Vault,
    request: &ClosePurpose,
    (custodian, enrolled): (&Custodian, &EnrolledToken),
    (at, ledger): (Timestamp, LedgerHead),
    token: &mut dyn Token,
    pin: &SecretText,
    touch: &mut dyn FnMut(),
) -> Result<Envelope, TokenError> {
    let statement = CloseStatement {
        custodian: custodian.name.clone(),
        enrolment: custodian.enrolment.clone(),
        ledger,
        remote: false,
        request: request.clone(),
        serial: enrolled.serial,
        signed: at,
    };
    Statement::of(&vault.manifest.label, &vault.sha256, statement).sign(enrolled, token, pin, touch)
}

/// Reads a signed request to close, and checks that a custodian in `manifest` signed it.
///
/// # Errors
/// See [`StatementError`].
pub fn verify(manifest: &Manifest, envelope: &Envelope) -> Result<Statement<CloseStatement>, StatementError> {
    let statement = Statement::<CloseStatement>::read(envelope)?;
    let CloseStatement { custodian, enrolment, serial, request, .. } = &statement.predicate;
    signer(manifest, (custodian, enrolment, *serial), envelope)?;
    if request.vault_id == manifest.vault_id { Ok(statement) } else { Err(StatementError::OtherVault) }
}
