//! Who approved: what each token signed, and whether the signature is of an enrolled one and of this session.

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
    /// When it was recorded.
    pub at: Timestamp,
    /// Who.
    pub custodian: String,
    /// What the signature is worth.
    pub signature: SignatureCheck,
    /// Why it is not valid.
    pub why: Option<String>,
    /// The token that signed, once its signature was verified.
    pub serial: Option<u32>,
    /// Its public key: base64 of the DER `SubjectPublicKeyInfo`.
    pub key: Option<String>,
    /// The signed envelope, for whoever verifies it without this program.
    pub envelope: Envelope,
    /// What it is.
    pub evidence: Evidence,
}

/// What a signature is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureCheck {
    /// Of a token that the manifest names, about this session.
    Verified,
    /// Nobody looked: the vault was not given.
    NotChecked,
    /// It does not hold, or is about something else.
    NotValid,
}

impl SignatureCheck {
    /// `None` where nobody looked, else whether it holds.
    pub(super) fn of(holds: Option<bool>) -> Self {
        match holds {
            None => Self::NotChecked,
            Some(true) => Self::Verified,
            Some(false) => Self::NotValid,
        }
    }

    /// For a screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::NotChecked => "not checked: the vault was not given",
            Self::NotValid => "NOT VALID",
        }
    }

    /// Worth more than the record that it is in.
    pub(super) fn evidence(self) -> Evidence {
        if self == Self::Verified { Evidence::Signature } else { Evidence::Record }
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
        let judged = manifest.map(|manifest| intent.approved(custodian, envelope, manifest));
        let (signature, why, token) = match judged {
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

/// The custodians with a valid signature, each once, sorted by name.
pub(in crate::review) fn verified(approvals: &[ApprovalFact]) -> Vec<&str> {
    let verified = approvals.iter().filter(|approval| approval.signature == SignatureCheck::Verified);
    let mut names: Vec<_> = verified.map(|approval| approval.custodian.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
