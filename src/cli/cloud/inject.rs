//! What a drill makes fail, as it is written on the command line.

use std::fmt;
use std::str::FromStr;

use crate::aws::Injection;

/// One failure.
#[derive(Clone, Debug)]
pub enum Inject {
    /// A custodian who does not come.
    Absent(String),
    /// Something of AWS's.
    Aws(Injection),
}

impl Inject {
    /// The custodian who does not come.
    pub fn absent(&self) -> Option<String> {
        match self {
            Self::Absent(name) => Some(name.clone()),
            Self::Aws(_) => None,
        }
    }

    /// What fails at AWS or on the way there.
    pub fn of_aws(&self) -> Option<Injection> {
        match self {
            Self::Absent(_) => None,
            Self::Aws(injection) => Some(*injection),
        }
    }
}

impl FromStr for Inject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("absent=")) {
            (_, Some(name)) if !name.is_empty() => Ok(Self::Absent(name.to_owned())),
            ("iam-down", _) => Ok(Self::Aws(Injection::IamDown)),
            ("cut-at-close", _) => Ok(Self::Aws(Injection::CutAtClose)),
            _ => Err("a drill makes fail: absent=NAME, iam-down, cut-at-close".into()),
        }
    }
}

impl fmt::Display for Inject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(name) => write!(f, "absent={name}"),
            Self::Aws(Injection::IamDown) => f.write_str("iam-down"),
            Self::Aws(Injection::CutAtClose) => f.write_str("cut-at-close"),
        }
    }
}
