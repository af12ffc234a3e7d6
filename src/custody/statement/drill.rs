//! The signed evidence of a drill: which vault it was for, which failures were injected, and how it ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LedgerHead, Predicate, Statement, StatementError, signer};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Manifest;

/// The record of a drill that a custodian signs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// The alert channels that acknowledged.
    pub acknowledged: Vec<String>,
    /// Whether access was closed, as the probe showed.
    pub closed: bool,
    /// The signer's name.
    pub custodian: String,
    /// The custodians who gave a share.
    pub custodians: Vec<String>,
    /// The ID of the vault that the drill is for.
    pub drill_of: String,
    /// The end of the drill.
    pub ended: Timestamp,
    /// The signer's enrolment ID.
    pub enrolment: String,
    /// The exit status of the opening.
    pub exit: u8,
    /// The expected outcome.
    pub expected: ExpectedOutcome,
    /// The injected failures.
    pub injected: Vec<String>,
    /// The last record of the ledger at the time of signing.
    pub ledger: LedgerHead,
    /// Whether AWS accepted the emergency key.
    pub opened: bool,
    /// Whether the drill ended as expected.
    pub passed: bool,
    /// The session's ID.
    pub session: SessionId,
    /// The serial number of the signer's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine where the token is.
    pub signed: Timestamp,
    /// The start of the drill.
    pub started: Timestamp,
    /// The drill vault's ID.
    pub vault_id: String,
}

impl Predicate for Drill {
    const TYPE: &'static str = "application/vnd.breakglass.drill.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:drill:v1";
}

/// Reads the evidence and checks that a custodian of `manifest` signed it. `manifest` can be that of the vault or of
/// its drill vault, because both have the same custodians.
///
/// # Errors
/// See [`StatementError`].
pub fn verify(manifest: &Manifest, envelope: &Envelope) -> Result<Drill, StatementError> {
    let drill = Statement::<Drill>::read(envelope)?.predicate;
    signer(manifest, (&drill.custodian, &drill.enrolment, drill.serial), envelope)?;
    if manifest.drill_of.as_ref().unwrap_or(&manifest.vault_id) != &drill.drill_of {
        return Err(StatementError::OtherVault);
    }
    Ok(drill)
}

impl Drill {
    /// Returns whether the drill was complete: a quorum of `manifest` opened the drill vault, and access was proven
    /// closed. A complete drill is due every quarter.
    pub fn is_complete(&self, manifest: &Manifest) -> bool {
        let named = manifest.custodians.iter().filter(|custodian| self.custodians.contains(&custodian.name));
        self.passed && self.opened && self.closed && named.count() >= manifest.threshold.get().into()
    }
}

/// The expected outcome of a drill, given the injected failures.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOutcome {
    /// Access is opened, and proven closed.
    OpensAndCloses,
    /// AWS cannot be reached or refuses, and nothing is enabled.
    RefusedUnopened,
    /// Too few custodians respond, and nothing is enabled.
    NoQuorum,
}

impl ExpectedOutcome {
    /// Returns whether a drill with these results had this outcome.
    pub fn is_met(self, exit: u8, opened: bool, closed: bool) -> bool {
        match self {
            Self::OpensAndCloses => exit == 0 && opened && closed,
            Self::RefusedUnopened => exit == 5 && !opened,
            Self::NoQuorum => matches!(exit, 3 | 4) && !opened,
        }
    }

    /// Returns a description for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::OpensAndCloses => "opens, and is proven closed",
            Self::RefusedUnopened => "is refused, and nothing is enabled",
            Self::NoQuorum => "finds no quorum, and nothing is enabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_expected_outcome_is_met_by_one_way_to_end() {
        let ends = [(0, true, true), (5, false, false), (3, false, false), (4, false, false)];
        let met = |expected: ExpectedOutcome| {
            ends.map(|(exit, opened, closed)| expected.is_met(exit, opened, closed))
        };
        assert_eq!(met(ExpectedOutcome::OpensAndCloses), [true, false, false, false]);
        assert_eq!(met(ExpectedOutcome::RefusedUnopened), [false, true, false, false]);
        assert_eq!(met(ExpectedOutcome::NoQuorum), [false, false, true, true]);
        assert!(!ExpectedOutcome::OpensAndCloses.is_met(0, true, false), "not proven closed");
        assert!(!ExpectedOutcome::RefusedUnopened.is_met(5, true, true), "refused after it was open");
    }
}
