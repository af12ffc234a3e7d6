//! Makes the evidence of a drill. Decides from the ledger whether the drill passed, has a custodian sign the
//! evidence, records the evidence in the ledger, and writes it to a file.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::aws::InjectedFaults;
use crate::cli::cloud::inject::Inject;
use crate::cli::output;
use crate::cli::sign::Signing;
use crate::custody::statement::Statement;
use crate::custody::statement::drill::{Drill, ExpectedOutcome};
use crate::error::{Error, Result, Status};
use crate::events::{Event, Events};
use crate::gate::SessionId;
use crate::ledger::{Entry, Ledger, Record, SessionOutcome, has_passed};
use crate::terminal::print;
use crate::vault::canonical;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::Lane;
use crate::vault::words;

/// A drill and the facts that its evidence needs.
pub struct Practice<'a> {
    pub vault: &'a Vault,
    /// The id of the vault whose opening the drill rehearses.
    pub drill_of: String,
    pub session: SessionId,
    pub expected: ExpectedOutcome,
    pub inject: &'a [Inject],
    /// The injected faults, with a record of the faults that have not yet made a call fail.
    pub injected: InjectedFaults,
    pub started: Timestamp,
    /// The longest wait for the custodian who signs.
    pub wait: Duration,
    pub ledger: Ledger,
    pub events: Events,
}

impl Practice<'_> {
    /// Has a custodian sign the evidence, and then records, writes and prints the evidence.
    pub fn conclude(&self, out: &Path, ended: Result<()>) -> Result<()> {
        let status = ended.as_ref().map_or_else(|error| error.status.code(), |()| 0);
        let drill = self.judge(status)?;
        let signed = self.sign(&drill);
        let envelope = signed.as_ref().ok();
        self.record(&drill, envelope.cloned())?;
        let evidence = envelope.map(|envelope| write(out, envelope)).transpose()?;
        self.report(&drill, evidence)?;
        verdict(ended, &drill)?;
        signed.map(drop)
    }

    /// Records and prints the outcome, without a signature.
    pub fn conclude_unsigned(&self, status: Status) -> Result<()> {
        let drill = self.judge(status.code())?;
        self.record(&drill, None)?;
        self.report(&drill, None)
    }

    /// Returns the evidence. The fields about the custodian who signs are left empty.
    fn judge(&self, exit: u8) -> Result<Drill> {
        let entries = self.ledger.entries()?;
        let course = SessionOutcome::of(&entries, self.session);
        let mut drill = Drill {
            acknowledged: course.acknowledged,
            closed: course.probed_closed,
            custodian: String::new(),
            custodians: course.custodians,
            drill_of: self.drill_of.clone(),
            ended: Timestamp::now(),
            enrolment: String::new(),
            exit,
            expected: self.expected,
            injected: self.inject.iter().map(ToString::to_string).collect(),
            ledger: self.ledger.head()?.into(),
            opened: course.opened,
            passed: false,
            session: self.session,
            serial: 0,
            signed: Timestamp::now(),
            started: self.started,
            vault_id: self.vault.manifest.vault_id.clone(),
        };
        let of_drill = |entry: &&Entry| entry.record.session() == Some(self.session);
        let records: Vec<_> = entries.iter().filter(of_drill).collect();
        drill.passed = has_passed(&drill, &records, &self.vault.manifest) && self.injections_met();
        Ok(drill)
    }

    /// Returns whether each injected failure occurred. Returns true for a drill in the lane `static` or without a
    /// quorum, because such a drill never calls IAM.
    fn injections_met(&self) -> bool {
        let aws_is_asked =
            self.expected != ExpectedOutcome::NoQuorum && self.vault.manifest.lane == Lane::Gate;
        !aws_is_asked || self.injected.all_met()
    }

    fn sign(&self, drill: &Drill) -> Result<Envelope> {
        let manifest = &self.vault.manifest;
        let verdict = if drill.passed { "passed" } else { "FAILED" };
        let what = format!("the evidence of this drill, which {verdict}");
        let absent: Vec<_> = self.inject.iter().filter_map(Inject::absent).collect();
        let signing =
            Signing { manifest, what: &what, wait: self.wait, first: &drill.custodians, absent: &absent };
        let (_, envelope) = signing.by_any_custodian(|custodian, token| {
            let (name, enrolment) = (custodian.name.clone(), custodian.enrolment.clone());
            let (ledger, serial) = (self.ledger.head()?.into(), token.serial);
            let signed = Timestamp::now();
            let drill = Drill { custodian: name, enrolment, ledger, serial, signed, ..drill.clone() };
            Ok(Statement::of(&manifest.label, &self.vault.sha256, drill))
        })?;
        Ok(envelope)
    }

    fn record(&self, drill: &Drill, envelope: Option<Envelope>) -> Result<()> {
        let Drill { session, passed, injected, custodians, .. } = drill.clone();
        let vault = self.drill_of.clone();
        let record = Record::Drill { session, vault, passed, injected, custodians, envelope };
        self.ledger.append(Timestamp::now(), record)
    }

    fn report(&self, drill: &Drill, evidence: Option<(&Path, String)>) -> Result<()> {
        let Drill { session, passed, expected, .. } = *drill;
        if self.events.are_wanted() {
            let evidence = evidence.as_ref().map(|(path, _)| *path);
            self.events.emit(Timestamp::now(), Event::Drill { session, passed, evidence });
            return Ok(());
        }
        let verdict = if passed {
            format!("passed: it {}", expected.words())
        } else {
            format!("FAILED: expected an opening that {}", expected.words())
        };
        let evidence = evidence.map_or_else(
            || "evidence    none: no custodian signed\n".to_owned(),
            |(path, words)| format!("evidence    {}\nwords       {words}\n", path.display()),
        );
        print::result(&format!("drill       {verdict}\n{evidence}"))
    }
}

/// Writes the evidence file. Returns the file's path, and its SHA-256 as words.
fn write<'a>(out: &'a Path, envelope: &Envelope) -> Result<(&'a Path, String)> {
    let mut file = canonical::to_vec(envelope);
    file.push(b'\n');
    output::create(out, &file)?;
    Ok((out, words::of(&Sha256::digest(&file).into())))
}

/// Fails if the drill did not end as expected. For a drill with an injected failure, an error can be the expected
/// end.
fn verdict(ended: Result<()>, drill: &Drill) -> Result<()> {
    if drill.passed {
        return Ok(());
    }
    ended.and_then(|()| {
        Err(Error::failed(format!(
            "the drill did not end as expected; it should have been an opening that {}",
            drill.expected.words()
        ))
        .next("read the messages above, and repeat the drill"))
    })
}
