//! Why a call to AWS failed, and whether the call might have had an effect.

use std::fmt;

/// Why a call to AWS failed. Each kind of fault has the message of AWS or of the HTTP client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// AWS refused the call, so the call had no effect.
    Refused(String),
    /// The request never left this machine, so the call had no effect.
    NotSent(String),
    /// AWS throttled the call, so the call had no effect.
    Throttled(String),
    /// AWS gave no clear answer. The call might have taken effect, or might still take effect.
    Unknown(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "AWS refused: {why}"),
            Self::NotSent(why) => write!(f, "AWS was not reached: {why}"),
            Self::Throttled(why) => write!(f, "AWS throttles: {why}"),
            Self::Unknown(why) => write!(f, "no clear answer: {why}"),
        }
    }
}

/// The result of one write to AWS.
pub type Write = Result<(), Fault>;

/// The result of one read from AWS. A failed read does not show that the item is absent.
pub type Read<T> = Result<T, Fault>;
