//! The source of a fact.

use serde::Serialize;

/// The source of a fact, which decides what it proves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// An enrolled token signed it, and the signature is verified.
    Signature,
    /// A receiver acknowledged it with an id, and can confirm it by that id.
    Receiver,
    /// CloudTrail.
    Aws,
    /// Only the operator's machine recorded it.
    Record,
}
