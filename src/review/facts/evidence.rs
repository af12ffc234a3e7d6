//! The source of a fact.

use serde::Serialize;

/// The source of a fact, which decides what it proves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Signed by an enrolled token; the signature is verified.
    Signature,
    /// Acknowledged by a receiver with an id, by which the receiver can confirm it.
    Receiver,
    /// CloudTrail.
    Aws,
    /// Written by the operator's machine only.
    Record,
}
