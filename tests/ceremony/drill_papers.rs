//! Creates data of drills for tests without AWS: the result of a drill that a custodian signs, and the approvals of the
//! drill's session.

use breakglass::custody::statement::approval::Request;
use breakglass::custody::statement::drill::{Drill, ExpectedOutcome};
use breakglass::custody::statement::{LedgerHead, Statement};
use breakglass::gate::SessionId;
use breakglass::ledger::Record;
use breakglass::secret::SecretText;
use breakglass::vault::dsse::Envelope;
use jiff::Timestamp;

use crate::packet::{Papers, session};

/// Returns the ledger record of a drill.
pub fn of_drill(drill: &Drill, envelope: Option<Envelope>) -> Record {
    let Drill { session, drill_of: vault, passed, injected, custodians, .. } = drill.clone();
    Record::Drill { session, vault, passed, injected, custodians, envelope }
}

impl Papers {
    /// Returns the evidence of a drill that passed with two custodians.
    pub fn drill(&self, ended: &str) -> Drill {
        let manifest = &self.vault.manifest;
        let names = manifest.custodians.iter().map(|custodian| custodian.name.clone());
        let ended: Timestamp = ended.parse().expect("the time should be valid");
        Drill {
            acknowledged: Vec::new(),
            closed: true,
            custodian: manifest.custodians[0].name.clone(),
            custodians: names.take(2).collect(),
            drill_of: manifest.vault_id.clone(),
            ended,
            enrolment: manifest.custodians[0].enrolment.clone(),
            exit: 0,
            expected: ExpectedOutcome::OpensAndCloses,
            injected: Vec::new(),
            ledger: LedgerHead { seq: 0, sha256: "00".repeat(32) },
            opened: true,
            passed: true,
            session: session(7),
            serial: manifest.custodians[0].tokens[0].serial,
            signed: ended,
            started: ended,
            vault_id: "dd".repeat(16),
        }
    }

    /// Returns the intent of a drill's session, and one approval for each index in `places`.
    pub fn drill_session(&self, session: SessionId, places: &[usize]) -> Vec<Record> {
        let mut records = vec![self.intent(session, "a drill")];
        if let Record::Intent { vault, drill_of, .. } = &mut records[0] {
            *drill_of = Some(std::mem::replace(vault, "dd".repeat(16)));
        }
        let request = Request {
            session,
            vault_id: "dd".repeat(16),
            drill_of: Some(self.vault.manifest.vault_id.clone()),
            ..self.request("a drill")
        };
        let (_, credentials_epoch) = self.vault_and_epoch();
        records.extend(places.iter().map(|&place| Record::Approval {
            session,
            vault: "dd".repeat(16),
            credentials_epoch,
            custodian: self.vault.manifest.custodians[place].name.clone(),
            envelope: self.sign(place, &request),
        }));
        records
    }

    /// Returns the evidence of a drill, signed by the first custodian's token.
    pub fn sign_drill(&self, drill: &Drill) -> Envelope {
        let enrolled = &self.vault.manifest.custodians[0].tokens[0];
        let statement = Statement::of("drill", &[7; 32], drill.clone());
        let pin = SecretText::copy_of("123456");
        let mut token = self.people[0].tokens[0].clone();
        statement.sign(enrolled, &mut token, &pin, &mut || ()).expect("the software token should sign")
    }
}
