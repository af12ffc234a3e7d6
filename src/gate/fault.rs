//! Why a call to AWS failed, and whether it can have had an effect.

use std::fmt;

/// Why a call failed, with the message of AWS or of the HTTP client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// AWS refused the call; it had no effect.
    Refused(String),
    /// The request never left this machine; it had no effect.
    NotSent(String),
    /// AWS throttled the call; it had no effect.
    Throttled(String),
    /// No clear answer: the call may have taken effect, or may still do so.
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

/// The result of one write.
pub type Write = Result<(), Fault>;

/// The result of one read. A failed read never means that the item is absent.
pub type Read<T> = Result<T, Fault>;
