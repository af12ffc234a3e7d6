//! The signed approval of one opening: a token signs what exactly it gives its share for, before it gives it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::statement::{LedgerHead, Predicate, Statement, signer};
use super::token::{Token, TokenError};
use crate::error::{Error, Result, Status};
use crate::gate::SessionId;
use crate::secret::SecretText;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Custodian, Lane, Manifest};

/// What is to be opened: the same for every custodian.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Why once more, after an opening before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
    /// The epoch of the vault's credentials.
    pub credentials_epoch: u32,
    /// A drill: the id of the vault that is practised for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_of: Option<String>,
    /// Where AWS is taken to be, in words; none where that is AWS's own addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The vault's epoch.
    pub epoch: u32,
    /// How the window is made.
    pub lane: Lane,
    /// Why without an alert that was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_alert: Option<String>,
    /// Why.
    pub reason: String,
    /// The opening's id.
    pub session: SessionId,
    /// What, as the manifest has it.
    pub targets: Vec<manifest::Target>,
    /// The vault's id.
    pub vault_id: String,
    /// The window's length in seconds.
    pub window: u64,
}

/// Whether the custodian sits at the machine that opens.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// At its terminal.
    Local,
}

/// What one custodian signs: the request, who they are, and where the ledger stood.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// When, by the clock of the machine that opens.
    pub approved: Timestamp,
    /// The custodian's name.
    pub custodian: String,
    /// Their enrolment's id.
    pub enrolment: String,
    /// Where the ledger stood.
    pub ledger: LedgerHead,
    /// Where they are.
    pub place: Place,
    /// What they approve.
    pub request: Request,
    /// Their token's serial number.
    pub serial: u32,
}

impl Predicate for Approval {
    const TYPE: &'static str = "application/vnd.breakglass.approval.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:approval:v1";
}

/// What exactly a quorum has approved. There is no other way to one than [`Approved::by`].
#[derive(Debug)]
pub struct Approved {
    request: Request,
    custodians: Vec<String>,
}

/// Has a custodian's token sign `request`, as of `at` and with the ledger at `ledger`.
///
/// # Errors
/// The token's own.
#[allow(clippy::too_many_arguments, reason = "who, with what, to what, when")]
pub fn sign(
    vault: &Vault,
    request: &Request,
    (custodian, enrolled): (&Custodian, &manifest::Token),
    (at, ledger): (Timestamp, LedgerHead),
    token: &mut dyn Token,
    pin: &SecretText,
    touch: &mut dyn FnMut(),
) -> Result<Envelope, TokenError> {
    let approval = Approval {
        approved: at,
        custodian: custodian.name.clone(),
        enrolment: custodian.enrolment.clone(),
        ledger,
        place: Place::Local,
        request: request.clone(),
        serial: enrolled.serial,
    };
    Statement::of(&vault.manifest.label, &vault.sha256, approval).sign(enrolled, token, pin, touch)
}

/// Reads an approval and checks that a token of a custodian of `manifest` signed it.
///
/// # Errors
/// In words.
pub fn verify<'a>(
    manifest: &'a Manifest,
    envelope: &Envelope,
) -> Result<(&'a Custodian, &'a manifest::Token, Statement<Approval>), String> {
    let statement = Statement::<Approval>::read(envelope)?;
    let Approval { enrolment, custodian, serial, .. } = &statement.predicate;
    let (custodian, token) = signer(manifest, (custodian, enrolment, *serial), envelope)?;
    Ok((custodian, token, statement))
}

impl Approved {
    /// Checks that `envelopes` are approvals of exactly this request, by as many custodians as the vault wants.
    ///
    /// # Errors
    /// [`Status::NoQuorum`], naming what does not hold.
    pub fn by(vault: &Vault, request: Request, envelopes: &[Envelope]) -> Result<Self> {
        let refused = |why: &str| {
            Error::new(Status::NoQuorum, format!("no quorum of signed approvals: {why}; nothing was enabled"))
        };
        let mut custodians = BTreeSet::new();
        for envelope in envelopes {
            let (custodian, _, statement) = verify(&vault.manifest, envelope).map_err(|why| refused(&why))?;
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

    /// What.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// By whom, in the manifest's order.
    pub fn custodians(&self) -> &[String] {
        &self.custodians
    }
}
