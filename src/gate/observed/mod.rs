//! The state of the emergency user in IAM. The opening, the close, the status and the ledger's views all use
//! [`UserState`].

mod drift;
mod expected;

use std::fmt;

use jiff::Timestamp;

use super::fault::Read;
use super::policy::{ParsedGate, parse_gate};
use super::session::SessionId;
use super::snapshot::{AccessState, Snapshot, Unread};
use drift::drift;

pub use drift::Drift;
pub use expected::Expected;

/// The state of the emergency user in IAM at one time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UserState {
    /// `AWSDenyAll` is attached and no key is active.
    AtRest,
    /// A window is open: the gate ends in the future, and `AWSDenyAll` is not attached.
    Open {
        /// The session in the gate.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// An opening is in progress or was killed: the gate ends in the future and a key is active, but `AWSDenyAll` is
    /// attached. A new opening first closes the interrupted opening. The commands `status` and `close` without
    /// `--force` treat the user as open.
    Opening {
        /// The session in the gate.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// Access is open without a known end: `AWSDenyAll` is not attached, a key is active, and the program did not write
    /// the inline policy.
    Unbounded,
    /// The user is not at rest, and no gate ends in the future. An earlier session was not closed.
    Untidy(Vec<Leftover>),
    /// The user differs from the properties that the vault records. Only [`assess`] returns the state `Drifted`.
    Drifted(Vec<Drift>),
    /// The user is not at rest, but IAM did not show whether a window is open.
    NotAtRest(Vec<Unread>),
    /// Some reads failed, so the state of the user cannot be determined.
    Unknown(Vec<Unread>),
}

/// A change to the user that an earlier session made and did not undo.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leftover {
    /// `AWSDenyAll` is not attached.
    DenyMissing,
    /// A key in the [`Scope`] is active.
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

/// The policy and the access keys that [`observe`] checks.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// ARN of `AWSDenyAll` in the user's partition.
    pub deny: &'a str,
    /// The ids of the access keys to check. `None` stands for every key of the user.
    pub keys: Option<&'a [String]>,
}

impl Scope<'_> {
    fn denied(&self, access: &AccessState) -> Read<bool> {
        access.attached.as_ref().map(|arns| arns.iter().any(|arn| arn == self.deny)).map_err(Clone::clone)
    }

    fn key_active(&self, access: &AccessState) -> Read<bool> {
        let in_scope = |id: &String| self.keys.is_none_or(|keys| keys.contains(id));
        let active = |keys: &Vec<_>| {
            keys.iter().any(|key: &super::snapshot::Credential| key.active && in_scope(&key.id))
        };
        access.keys.as_ref().map(active).map_err(Clone::clone)
    }
}

/// Whether the end in the inline policy `breakglass-gate` is in the past or in the future.
enum GateTime {
    /// There is no gate, or the end in the gate has passed.
    Past,
    /// The gate ends in the future.
    Ahead(ParsedGate),
    /// The inline policy exists, but the program did not write it.
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

/// Returns the state of the user at the time `now`, by AWS's clock. A failed read makes the state unknown only if the
/// state depends on that read.
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

/// Returns [`UserState::Unknown`] if any read failed, otherwise the result of [`observe`].
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

impl Expected {
    /// Returns a scope that covers only the sealed key. Any other active key counts as drift.
    pub fn scope(&self) -> Scope<'_> {
        Scope { deny: &self.deny, keys: Some(std::slice::from_ref(&self.key)) }
    }
}

/// The result of comparing the user in IAM with the properties that the vault records.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The state of the user that IAM shows.
    pub state: UserState,
    /// Differences that do not prevent an opening.
    pub warnings: Vec<String>,
}

/// Compares the user in IAM with the sealed properties, and returns the state. If the user has drifted, the state is
/// `Drifted`, unless a window is open.
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

/// Returns the failed reads if every drift is a failed read, otherwise `None`.
fn unread_only(drift: &[Drift]) -> Option<Vec<Unread>> {
    let unread = |drift: &Drift| if let Drift::Unread(unread) = drift { Some(unread.clone()) } else { None };
    drift.iter().map(unread).collect()
}

#[cfg(test)]
mod tests;
