//! The signed evidence of a drill: what was practised, what was made to fail, and how it went.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::statement::{LedgerHead, Predicate, Statement, signer};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Manifest;

/// What a custodian signs after a drill.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// Access was closed, and by the probe.
    pub closed: bool,
    /// Who gave a share.
    pub custodians: Vec<String>,
    /// The id of the vault that is practised for.
    pub drill_of: String,
    /// When it was over.
    pub ended: Timestamp,
    /// The enrolment's id of who signs.
    pub enrolment: String,
    /// How the opening ended: an exit status.
    pub exit: u8,
    /// How it had to end.
    pub expected: Expected,
    /// What was made to fail.
    pub injected: Vec<String>,
    /// Where the ledger stood when this was signed.
    pub ledger: LedgerHead,
    /// AWS let the key in.
    pub opened: bool,
    /// It ended as it had to.
    pub passed: bool,
    /// The drill's session.
    pub session: SessionId,
    /// The serial number of the token that signs.
    pub serial: u32,
    /// Who signs.
    pub signed_by: String,
    /// When it began.
    pub started: Timestamp,
    /// Channels that were told and acknowledged.
    pub told: Vec<String>,
    /// The drill vault's own id.
    pub vault_id: String,
}

impl Predicate for Drill {
    const TYPE: &'static str = "application/vnd.breakglass.drill.v1+json";
    const PREDICATE: &'static str = "urn:breakglass:drill:v1";
}

/// Reads the evidence, and checks that a token of a custodian of `manifest` signed it: the custodians of a vault and of its
/// drill are the same.
///
/// # Errors
/// In words.
pub fn verify(manifest: &Manifest, envelope: &Envelope) -> Result<Drill, String> {
    let drill = Statement::<Drill>::read(envelope)?.predicate;
    signer(manifest, (&drill.signed_by, &drill.enrolment, drill.serial), envelope)?;
    if manifest.drill_of.as_ref().unwrap_or(&manifest.vault_id) != &drill.drill_of {
        return Err("it is about another vault".into());
    }
    Ok(drill)
}

impl Drill {
    /// A quorum of `manifest` opened it, and it was proven shut: this is what is due every quarter.
    pub fn is_whole(&self, manifest: &Manifest) -> bool {
        let named = manifest.custodians.iter().filter(|custodian| self.custodians.contains(&custodian.name));
        self.passed && self.opened && self.closed && named.count() >= manifest.threshold.get().into()
    }
}

/// How a drill has to end, given what is made to fail.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// It opens, and it is proven shut.
    OpensAndCloses,
    /// AWS is not there to open it, and nothing is enabled.
    RefusedUnopened,
    /// Too few can come, and nothing is enabled.
    NoQuorum,
}

impl Expected {
    /// Whether it went so.
    pub fn is_met(self, exit: u8, opened: bool, closed: bool) -> bool {
        match self {
            Self::OpensAndCloses => exit == 0 && opened && closed,
            Self::RefusedUnopened => exit == 5 && !opened,
            Self::NoQuorum => matches!(exit, 3 | 4) && !opened,
        }
    }

    /// For a screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::OpensAndCloses => "opens, and is proven shut",
            Self::RefusedUnopened => "is refused, and nothing is enabled",
            Self::NoQuorum => "finds no quorum, and nothing is enabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_expectation_is_met_by_its_own_end_alone() {
        let ends = [(0, true, true), (5, false, false), (3, false, false), (4, false, false)];
        let met =
            |expected: Expected| ends.map(|(exit, opened, closed)| expected.is_met(exit, opened, closed));
        assert_eq!(met(Expected::OpensAndCloses), [true, false, false, false]);
        assert_eq!(met(Expected::RefusedUnopened), [false, true, false, false]);
        assert_eq!(met(Expected::NoQuorum), [false, false, true, true]);
        assert!(!Expected::OpensAndCloses.is_met(0, true, false), "unproven is not shut");
        assert!(!Expected::RefusedUnopened.is_met(5, true, true), "refused after it was open");
    }
}
