//! The signed evidence of a drill: the real vault, the injected failures, and the drill's outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LedgerHead, Predicate, Signer, Statement, StatementError, form};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Manifest;

/// The record of a drill that a custodian signs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// The alert channels over which the alert was acknowledged.
    pub acknowledged: Vec<String>,
    /// Whether probes proved that access was closed.
    pub closed: bool,
    /// The signer's name.
    pub custodian: String,
    /// The custodians who gave a share.
    pub custodians: Vec<String>,
    /// The ID of the real vault. The drill practises an opening of the real vault.
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
    /// The ledger's head at the time of signing.
    pub ledger: LedgerHead,
    /// Whether AWS accepted the emergency key.
    pub opened: bool,
    /// Whether the drill ended as expected.
    pub passed: bool,
    /// The session's ID.
    pub session: SessionId,
    /// The serial number of the signer's token.
    pub serial: u32,
    /// The time of signing, by the clock of the machine that the token is plugged into.
    pub signed: Timestamp,
    /// The start of the drill.
    pub started: Timestamp,
    /// The drill vault's ID.
    pub vault_id: String,
}

impl Predicate for Drill {
    const TYPE: &'static str = "application/vnd.breakglass.drill.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:drill:v1";

    fn signer(&self) -> Signer<'_> {
        let Self { custodian, enrolment, serial, signed, .. } = self;
        Signer { custodian, enrolment, serial: *serial, signed: *signed }
    }

    fn check(&self) -> Result<(), &'static str> {
        let is_failure =
            |text: &String| (1..=64).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        form::names("acknowledged", &self.acknowledged, 32)?;
        form::names("custodians", &self.custodians, 16)?;
        form::hex("drill_of", &self.drill_of, 16)?;
        form::time("ended", self.ended)?;
        form::ensure("injected", self.injected.len() <= 32 && self.injected.iter().all(is_failure))?;
        self.ledger.check()?;
        form::time("started", self.started)?;
        form::hex("vault_id", &self.vault_id, 16)
    }

    fn is_of(&self, manifest: &Manifest) -> bool {
        self.vault_id == manifest.vault_id && Some(&self.drill_of) == manifest.drill_of.as_ref()
    }
}

/// Reads the evidence of a drill and checks that a custodian in `manifest` signed it. `manifest` can be the manifest
/// of the real vault or of its drill vault, because both have the same custodians.
///
/// # Errors
/// See [`StatementError`].
pub fn verify(manifest: &Manifest, envelope: &Envelope) -> Result<Drill, StatementError> {
    let (.., Statement { predicate: drill, .. }) = Statement::<Drill>::signed(manifest, envelope)?;
    let is_of_this = manifest.vault_id == drill.drill_of || drill.is_of(manifest);
    if is_of_this { Ok(drill) } else { Err(StatementError::OtherVault) }
}

/// The expected outcome of a drill, given the injected failures.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedOutcome {
    /// Access is opened and later proven closed.
    OpensAndCloses,
    /// AWS cannot be reached or refuses the calls, and access is not enabled.
    RefusedUnopened,
    /// Too few custodians respond, and access is not enabled.
    NoQuorum,
}

impl ExpectedOutcome {
    /// Returns whether a drill had this outcome. The arguments are the drill's exit status (`exit`), whether access
    /// was opened, and whether access was proven closed.
    pub fn is_met(self, exit: u8, opened: bool, closed: bool) -> bool {
        match self {
            Self::OpensAndCloses => exit == 0 && opened && closed,
            Self::RefusedUnopened => exit == 5 && !opened,
            Self::NoQuorum => matches!(exit, 3 | 4) && !opened,
        }
    }

    /// Returns the outcome as text for people. The text completes a sentence that begins with "it".
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
    fn each_expected_outcome_matches_exactly_one_result() {
        let ends = [(0, true, true), (5, false, false), (3, false, false), (4, false, false)];
        let met = |expected: ExpectedOutcome| {
            ends.map(|(exit, opened, closed)| expected.is_met(exit, opened, closed))
        };
        assert_eq!(met(ExpectedOutcome::OpensAndCloses), [true, false, false, false]);
        assert_eq!(met(ExpectedOutcome::RefusedUnopened), [false, true, false, false]);
        assert_eq!(met(ExpectedOutcome::NoQuorum), [false, false, true, true]);
        assert!(
            !ExpectedOutcome::OpensAndCloses.is_met(0, true, false),
            "a close that was not proven should not meet the outcome"
        );
        assert!(
            !ExpectedOutcome::RefusedUnopened.is_met(5, true, true),
            "a refusal after access was opened should not meet the outcome"
        );
    }
}
