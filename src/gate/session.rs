//! A session id: eight random bytes that identify a session in the gate, in the ledger and in messages.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::vault::random;

/// The text before the session id in the name that breakglass uses in calls to AWS.
const TRACED: &str = "breakglass-";

/// The id of a session: eight random bytes, written as sixteen lower-case hex digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId([u8; 8]);

impl SessionId {
    /// Returns the id with these bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Returns a new id from the system's random source.
    ///
    /// # Panics
    /// If the random source fails.
    pub fn random() -> Self {
        Self(random::bytes())
    }

    /// Returns `breakglass-` and the id: 27 characters. Calls to AWS contain the name in the user agent, as the name of
    /// a role's session, or as the name of a federated user.
    pub fn traced(self) -> String {
        format!("{TRACED}{self}")
    }

    /// Parses a name that [`Self::traced`] returned. Returns `None` for every other text.
    pub fn of_traced(name: &str) -> Option<Self> {
        name.strip_prefix(TRACED)?.parse().ok()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for SessionId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ())?;
        let id = Self(bytes);
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| D::Error::custom("a session id is sixteen lower-case hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_exactly_sixteen_lower_case_hex_digits() {
        let id: SessionId = "00ff7f3a01020304".parse().expect("an id");
        assert_eq!(id.to_string(), "00ff7f3a01020304");
        for bad in ["00FF7f3a01020304", "00ff7f3a0102030", "00ff7f3a010203045", "zz", ""] {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?}");
        }
    }
}
