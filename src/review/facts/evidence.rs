//! The kinds of evidence for a fact.

use serde::Serialize;

/// The source of a fact: a signature, CloudTrail, or the operator's machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// An enrolled token signed the fact, and the program verified the signature.
    Signature,
    /// The fact is from CloudTrail.
    Aws,
    /// Only a record in the operator's ledger shows the fact. An alert's receipt is also only a record in the ledger.
    /// The receiver can confirm a receipt by its id.
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
