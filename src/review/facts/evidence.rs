//! The kinds of evidence for a fact.

use serde::Serialize;

/// The kind of evidence for a fact: the source from which the program knows the fact.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// An enrolled token signed the fact, and the signature is verified.
    Signature,
    /// A receiver acknowledged the alert and returned an id. By this id, the receiver can confirm the
    /// acknowledgement.
    Receiver,
    /// The fact is from CloudTrail.
    Aws,
    /// Only a record of the operator's machine shows the fact.
    Record,
}
