//! Is the emergency user at rest? If not: an untidy end, somebody's open window, or drift, by name.

mod drift;

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::fault::Read;
use super::policy::{ParsedGate, parse_gate};
use super::session::SessionId;
use super::snapshot::Snapshot;
use drift::drift;

pub use drift::Finding;

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

/// What the snapshot amounts to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Shut, as it should be between emergencies.
    AtRest,
    /// A run that did not close, whose end has passed or was never reached: close it, go on.
    Untidy(Vec<Leftover>),
    /// Somebody works behind this gate now.
    OpenWindow {
        /// Whose.
        session: SessionId,
        /// T1.
        until: Timestamp,
    },
    /// Not the user that was sealed.
    Drift(Vec<Finding>),
}

/// A verdict and what should be said beside it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What it amounts to.
    pub verdict: Verdict,
    /// Not in the way, but not as it should be.
    pub warnings: Vec<String>,
}

/// What an untidy end left behind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Leftover {
    /// `AWSDenyAll` is not attached.
    DenyMissing,
    /// The emergency key is active.
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

/// Judges what was read, at `now` by AWS's clock.
pub fn judge(snapshot: &Snapshot, expected: &Expected, now: Timestamp) -> Judgement {
    let mut warnings = Vec::new();
    let findings = drift(snapshot, expected, &mut warnings);
    let open = open_window(&snapshot.gate, &snapshot.attached, &expected.deny, now);
    if let Some(ParsedGate { session, until }) = open {
        warnings.extend(findings.iter().map(ToString::to_string));
        return Judgement { verdict: Verdict::OpenWindow { session, until }, warnings };
    }
    let leftovers = leftovers(snapshot, expected);
    let verdict = match (findings.is_empty(), leftovers.is_empty()) {
        (false, _) => Verdict::Drift(findings),
        (true, false) => Verdict::Untidy(leftovers),
        (true, true) => Verdict::AtRest,
    };
    Judgement { verdict, warnings }
}

/// The window that is open now: its end is ahead and no deny is attached. `deny` is the ARN of `AWSDenyAll`.
pub fn open_window(
    gate: &Read<Option<Value>>,
    attached: &Read<Vec<String>>,
    deny: &str,
    now: Timestamp,
) -> Option<ParsedGate> {
    let attached = attached.as_ref().ok()?;
    let gate = gate.as_ref().ok()?.as_ref()?;
    parse_gate(gate).filter(|found| found.until > now && !attached.iter().any(|arn| arn == deny))
}

fn leftovers(snapshot: &Snapshot, expected: &Expected) -> Vec<Leftover> {
    let mut left = Vec::new();
    if !listed(&snapshot.attached).contains(&expected.deny) {
        left.push(Leftover::DenyMissing);
    }
    if listed(&snapshot.keys).iter().any(|key| key.id == expected.key && key.active) {
        left.push(Leftover::KeyActive);
    }
    left
}

/// What could not be read is a finding of its own; here it is simply nothing.
fn listed<T>(read: &Read<Vec<T>>) -> &[T] {
    read.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
