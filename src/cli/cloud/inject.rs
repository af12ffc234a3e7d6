//! `--inject`: a failure that a drill causes on purpose.

use std::fmt;
use std::str::FromStr;

use crate::aws::Injection;

#[derive(Clone, Debug)]
pub enum Inject {
    /// The drill does not ask the named custodian.
    Absent(String),
    /// The drill's calls to AWS fail.
    Aws(Injection),
}

impl Inject {
    pub fn absent(&self) -> Option<String> {
        match self {
            Self::Absent(name) => Some(name.clone()),
            Self::Aws(_) => None,
        }
    }

    pub fn aws(&self) -> Option<Injection> {
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
            _ => Err("expected iam-down, cut-at-close, or absent= and the name of a custodian".into()),
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
