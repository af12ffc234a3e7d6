//! What IAM shows of the emergency user: the one answer that opening, closing, status and the ledger's views match on.

mod drift;

use std::fmt;

use jiff::Timestamp;

use super::fault::Read;
use super::policy::{ParsedGate, parse_gate};
use super::session::SessionId;
use super::snapshot::{AccessState, Snapshot, Unread};
use drift::drift;

pub use drift::Drift;

/// What IAM shows of the user at one time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UserState {
    /// `AWSDenyAll` is attached and no key is active.
    AtRest,
    /// A window is open: the gate's end is ahead, and `AWSDenyAll` is not attached.
    Open {
        /// The session in the gate.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// An opening is under way, or died on the way: the gate's end is ahead and a key is active, but `AWSDenyAll` is
    /// still attached. Opening closes this first; status and a close without force treat it as open.
    Opening {
        /// The session in the gate.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// `AWSDenyAll` is not attached, a key is active, and the gate was not written by this tool: no end is known.
    Unbounded,
    /// Not at rest, and no gate's end is ahead: an earlier session was not closed.
    Untidy(Vec<Leftover>),
    /// Not the user that was sealed. Only [`assess`] compares with that.
    Drifted(Vec<Drift>),
    /// Not at rest, but whether a window is open could not be read.
    NotAtRest(Vec<Unread>),
    /// What could be read does not give an answer.
    Unknown(Vec<Unread>),
}

/// What an earlier session left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leftover {
    /// `AWSDenyAll` is not attached.
    DenyMissing,
    /// A key that counts is active.
    KeyActive,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DenyMissing => "AWSDenyAll is not attached",
            Self::KeyActive => "the emergency key is active",
        })
    }
}

/// What counts for [`observe`].
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// ARN of `AWSDenyAll` in the user's partition.
    pub deny: &'a str,
    /// Ids of the keys that count; `None` for every key of the user.
    pub keys: Option<&'a [String]>,
}

impl Scope<'_> {
    fn denied(&self, access: &AccessState) -> Read<bool> {
        access.attached.as_ref().map(|arns| arns.iter().any(|arn| arn == self.deny)).map_err(Clone::clone)
    }

    fn key_active(&self, access: &AccessState) -> Read<bool> {
        let counts = |id: &String| self.keys.is_none_or(|keys| keys.contains(id));
        let active = |keys: &Vec<_>| {
            keys.iter().any(|key: &super::snapshot::Credential| key.active && counts(&key.id))
        };
        access.keys.as_ref().map(active).map_err(Clone::clone)
    }
}

/// What the inline policy `breakglass-gate` says about time.
enum GateTime {
    /// There is none, or its end has passed.
    Past,
    Ahead(ParsedGate),
    /// It was not written by this tool.
    Foreign,
}

impl GateTime {
    fn of(access: &AccessState, now: Timestamp) -> Read<Self> {
        let Some(document) = access.gate.as_ref().map_err(Clone::clone)? else { return Ok(Self::Past) };
        Ok(match parse_gate(document) {
            None => Self::Foreign,
            Some(gate) if gate.until > now => Self::Ahead(gate),
            Some(_) => Self::Past,
        })
    }
}

/// Answers from the short read, at `now` by AWS's clock. A read that failed matters only if the answer depends on it.
pub fn observe(access: &AccessState, scope: &Scope<'_>, now: Timestamp) -> UserState {
    use GateTime::{Ahead, Foreign};
    match (scope.denied(access), scope.key_active(access), GateTime::of(access, now)) {
        (Ok(true), Ok(false), _) => UserState::AtRest,
        (Ok(false), _, Ok(Ahead(ParsedGate { session, until }))) => UserState::Open { session, until },
        (Ok(true), Ok(true), Ok(Ahead(ParsedGate { session, until }))) => {
            UserState::Opening { session, until }
        }
        (Ok(false), Ok(true), Ok(Foreign)) => UserState::Unbounded,
        (Ok(denied), Ok(key_active), Ok(_)) => UserState::Untidy(leftovers(denied, key_active)),
        (Ok(_), Ok(_), Err(_)) => UserState::NotAtRest(access.unread()),
        (Err(_), _, _) | (_, Err(_), _) => UserState::Unknown(access.unread()),
    }
}

/// As [`observe`], for callers that act only on a complete reading: [`UserState::Unknown`] if any read failed.
pub fn observe_complete(access: &AccessState, scope: &Scope<'_>, now: Timestamp) -> UserState {
    match access.unread() {
        unread if unread.is_empty() => observe(access, scope, now),
        unread => UserState::Unknown(unread),
    }
}

fn leftovers(denied: bool, key_active: bool) -> Vec<Leftover> {
    let missing = (!denied).then_some(Leftover::DenyMissing);
    missing.into_iter().chain(key_active.then_some(Leftover::KeyActive)).collect()
}

/// What was sealed about the user.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The user's name.
    pub user: String,
    /// ARN of `AWSDenyAll` in the user's partition.
    pub deny: String,
    /// ARN of the permissions boundary.
    pub boundary: String,
    /// SHA-256 of the boundary's document in RFC 8785 JSON.
    pub boundary_sha256: [u8; 32],
    /// The sealed access key's id.
    pub key: String,
}

impl Expected {
    /// The sealed key alone; another active key is drift.
    pub fn scope(&self) -> Scope<'_> {
        Scope { deny: &self.deny, keys: Some(std::slice::from_ref(&self.key)) }
    }
}

/// The state of a user that was read completely.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// What IAM shows.
    pub state: UserState,
    /// Deviations that do not prevent opening.
    pub warnings: Vec<String>,
}

/// Answers from the full read, compared with what was sealed. Drift goes before everything but an open window.
pub fn assess(snapshot: &Snapshot, expected: &Expected, now: Timestamp) -> Assessment {
    let mut warnings = Vec::new();
    let drift = drift(snapshot, expected, &mut warnings);
    let state = match observe(&snapshot.access, &expected.scope(), now) {
        open @ UserState::Open { .. } => {
            warnings.extend(drift.iter().map(ToString::to_string));
            open
        }
        state if drift.is_empty() => state,
        _ => unread_only(&drift).map_or(UserState::Drifted(drift), UserState::Unknown),
    };
    Assessment { state, warnings }
}

/// `None` if something of it was read and is not as it was sealed.
fn unread_only(drift: &[Drift]) -> Option<Vec<Unread>> {
    let unread = |drift: &Drift| if let Drift::Unread(unread) = drift { Some(unread.clone()) } else { None };
    drift.iter().map(unread).collect()
}

#[cfg(test)]
mod tests;
