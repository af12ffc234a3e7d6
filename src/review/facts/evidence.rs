//! What a thing is worth that the packet says.

use serde::Serialize;

/// What a thing is worth that the packet says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Signed by an enrolled token, and the signature was verified.
    Signature,
    /// Acknowledged by a receiver under its own id: ask the receiver.
    Receiver,
    /// AWS's own record.
    Aws,
    /// Only what the operator's machine wrote.
    Record,
}
