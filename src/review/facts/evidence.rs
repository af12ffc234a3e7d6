//! The kinds of evidence for a fact.

use serde::Serialize;

/// The kind of evidence for a fact: the source from which the program knows the fact.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// An enrolled token signed the fact, and the signature is verified.
    Signature,
    /// The fact is from CloudTrail.
    Aws,
    /// The operator's machine reported the fact: only a record in the operator's ledger shows it. A receipt of an
    /// alert is such a record, too. By the receipt's id, the receiver can confirm the acknowledgement.
    Reported,
}

impl Evidence {
    /// Returns the words for the kind of evidence on the page and on the terminal.
    pub fn words(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Aws => "CloudTrail",
            Self::Reported => "reported by the operator's machine",
        }
    }
}
