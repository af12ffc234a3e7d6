//! The statement of a custodian about a request of a session: the approval of an opening, or the statement about a close
//! by a quorum. Every custodian of the session signs the same request.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{LedgerHead, Predicate, Signer, Statement};
use crate::custody::token::{Token, TokenError};
use crate::secret::SecretText;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::{Custodian, EnrolledToken, Manifest};

/// A request that each custodian of a quorum signs.
pub trait SignedRequest: Clone + Serialize + DeserializeOwned {
    /// The payload type of the statement with this request.
    const TYPE: &'static str;
    /// The predicate's type, a URI.
    const PREDICATE: &'static str;

    /// Checks that the fields are in their accepted forms.
    ///
    /// # Errors
    /// Returns the name of the field that is not in its accepted form.
    fn check(&self) -> Result<(), &'static str>;

    /// Returns whether the fields that repeat a field of the manifest are equal to the manifest's fields.
    fn is_of(&self, manifest: &Manifest) -> bool;
}

/// The statement of one custodian: the request, the custodian's identity, and the ledger's head.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(bound = "R: SignedRequest", deny_unknown_fields)]
pub struct RequestStatement<R: SignedRequest> {
    /// The custodian's name.
    pub custodian: String,
    /// The ID of the custodian's enrolment.
    pub enrolment: String,
    /// The ledger's head at the time of signing. If the ledger could not be read before a close, the head is that of an
    /// empty ledger.
    pub ledger: LedgerHead,
    /// Whether the custodian signed on a different machine than the machine that opens or closes access.
    pub remote: bool,
    /// The signed request.
    pub request: R,
    /// The serial number of the custodian's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine that the token is plugged into.
    pub signed: Timestamp,
}

impl<R: SignedRequest> Predicate for RequestStatement<R> {
    const TYPE: &'static str = R::TYPE;
    const PREDICATE: &'static str = R::PREDICATE;

    fn signer(&self) -> Signer<'_> {
        let Self { custodian, enrolment, serial, signed, .. } = self;
        Signer { custodian, enrolment, serial: *serial, signed: *signed }
    }

    fn check(&self) -> Result<(), &'static str> {
        self.ledger.check()?;
        self.request.check()
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.request.is_of(manifest)
    }
}

/// Asks a custodian's token to sign a statement with `request`. The statement also contains the time `at` and the ledger's
/// head `ledger`.
///
/// # Errors
/// See [`TokenError`].
#[allow(clippy::too_many_arguments, reason = "they are the statement's fields and the token's inputs")]
pub fn sign<R: SignedRequest>(
    vault: &Vault,
    request: &R,
    (custodian, enrolled): (&Custodian, &EnrolledToken),
    (at, ledger): (Timestamp, LedgerHead),
    token: &mut dyn Token,
    pin: &SecretText,
    touch: &mut dyn FnMut(),
) -> Result<Envelope, TokenError> {
    let statement = RequestStatement {
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
