//! Checks the custodians' approvals. A valid approval is about this session and has the signature of an enrolled token.

use jiff::Timestamp;
use serde::Serialize;

use super::evidence::Evidence;
use super::session_records::SessionRecords;
use crate::ledger::{Entry, Intent, Record};
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Manifest;

/// One custodian's approval.
#[derive(Clone, Debug, Serialize)]
pub struct ApprovalFact {
    pub at: Timestamp,
    pub custodian: String,
    pub signature: SignatureCheck,
    /// The reason why the signature is not valid.
    pub why: Option<String>,
    /// The serial number of the token. `None` if the signature is not verified.
    pub serial: Option<u32>,
    /// The token's public key: the `SubjectPublicKeyInfo` in DER, encoded in base64.
    pub key: Option<String>,
    /// The signed envelope. A reviewer can verify the envelope without breakglass.
    pub envelope: Envelope,
    pub evidence: Evidence,
}

/// The result of checking the signature of a statement.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureCheck {
    /// A token that is in the manifest signed the statement, and the statement is about this session.
    Verified,
    /// The reviewer gave no vault, so the signature was not checked.
    NotChecked,
    /// The signature is wrong, or the statement is not about this session.
    NotValid,
}

impl SignatureCheck {
    /// Converts the result of a signature check. `valid` is `None` if the reviewer gave no vault.
    pub(super) fn of(valid: Option<bool>) -> Self {
        match valid {
            None => Self::NotChecked,
            Some(true) => Self::Verified,
            Some(false) => Self::NotValid,
        }
    }

    /// Returns the words for the result on the page and on the terminal.
    pub fn words(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::NotChecked => "not checked (no vault was given)",
            Self::NotValid => "NOT VALID",
        }
    }

    /// Returns the evidence for the statement: the signature if the signature is verified, otherwise only the ledger's
    /// record.
    pub(super) fn evidence(self) -> Evidence {
        if self == Self::Verified { Evidence::Signature } else { Evidence::Reported }
    }
}

impl ApprovalFact {
    pub(super) fn all(own: &SessionRecords<'_>, manifest: Option<&Manifest>) -> Vec<Self> {
        let of = |entry: &&Entry| match &entry.record {
            Record::Approval { custodian, envelope, .. } => {
                Some(Self::of(&own.intent, entry.at, custodian, envelope, manifest))
            }
            _ => None,
        };
        own.entries.iter().filter_map(of).collect()
    }

    fn of(
        intent: &Intent<'_>,
        at: Timestamp,
        custodian: &str,
        envelope: &Envelope,
        manifest: Option<&Manifest>,
    ) -> Self {
        let checked = manifest.map(|manifest| intent.approved(custodian, envelope, manifest));
        let (signature, why, token) = match checked {
            None => (SignatureCheck::NotChecked, None, None),
            Some(Ok(token)) => {
                (SignatureCheck::Verified, None, Some((token.serial, token.signing_key.clone())))
            }
            Some(Err(why)) => (SignatureCheck::NotValid, Some(why), None),
        };
        let (serial, key) = token.unzip();
        let (custodian, envelope) = (custodian.to_owned(), envelope.clone());
        Self { at, custodian, signature, why, serial, key, envelope, evidence: signature.evidence() }
    }
}

/// Returns the names of the custodians with a valid signature, without duplicates, in alphabetical order.
pub(in crate::review) fn verified(approvals: &[ApprovalFact]) -> Vec<&str> {
    let verified = approvals.iter().filter(|approval| approval.signature == SignatureCheck::Verified);
    let mut names: Vec<_> = verified.map(|approval| approval.custodian.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
