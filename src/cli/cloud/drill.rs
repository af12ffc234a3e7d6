//! `drill`: the same opening with real tokens and parts, of a user who may only make the probe; and its evidence.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::opening::{Order, one_line};
use super::shipping;
use crate::aws::{InjectedFaults, Injection};
use crate::cli::sign::Signing;
use crate::cli::{args, input, output};
use crate::config::Config;
use crate::custody::drill::{Drill, Expected};
use crate::custody::statement::Statement;
use crate::error::{Error, Result, Status};
use crate::events::{Event, Events};
use crate::gate::SessionId;
use crate::ledger::{Ledger, Record, SessionOutcome};
use crate::session::Work;
use crate::terminal::{note, print, warning};
use crate::vault::canonical;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::manifest::Lane;
use crate::vault::words;

/// Practises, judges, has a custodian sign, writes the evidence.
pub fn run(arguments: &args::Drill) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    let Some(drill_of) = vault.manifest.drill_of.clone() else {
        return Err(Error::usage(format!("{} is no drill vault", arguments.vault.display())).next(
            "name the .drill.age file that seal wrote beside it; without one, seal with a member \"drill\"",
        ));
    };
    let session = SessionId::random();
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("drill-{session}.json")));
    output::must_be_new(&out)?;
    let expected = expected(&vault, &arguments.inject)?;
    let order = order(arguments, vault.manifest.lane)?;
    let ledger = shipping::ledger(&order.config);
    let faults = order.injected.clone();
    order.check(&ledger)?;
    let started = Timestamp::now();
    let ended = order.carry_out(session, ledger.clone());
    if let Err(error) = &ended {
        note(&format!("the drill's opening ended with status {}: {}", error.status.code(), error.what));
    }
    let practice = Practice { arguments, vault: &vault, drill_of, session, expected, faults, started };
    match ended {
        // Whatever becomes of the evidence, that access may be open is what there is to say.
        Err(error) if matches!(error.status, Status::MayBeOpen | Status::Signal(_)) => {
            let unsigned = practice.judge(&ledger, error.status.code()).and_then(|drill| {
                ledger.append(Timestamp::now(), practice.record(&drill, None))?;
                practice.report(&drill, None)
            });
            if let Err(failed) = unsigned {
                warning(&failed.what);
            }
            Err(error)
        }
        ended => practice.conclude(&ledger, &out, ended),
    }
}

/// The opening that is practised.
fn order(arguments: &args::Drill, lane: Lane) -> Result<Order> {
    let work = match (arguments.command.as_slice(), lane) {
        ([], Lane::Gate) => vec!["true".into()],
        // Nothing but T1 ends a role's session, so that is what is practised.
        ([], Lane::Static) => vec!["sleep".into(), "infinity".into()],
        (command, _) => command.to_vec(),
    };
    let injected: Vec<_> = arguments.inject.iter().filter_map(args::Inject::of_aws).collect();
    Ok(Order {
        path: arguments.vault.clone(),
        vault: input::vault(&arguments.vault)?,
        target: arguments.target.clone(),
        window: arguments.window,
        reason: one_line(&arguments.reason),
        again: None,
        no_alert: arguments.no_alert.as_deref().map(one_line),
        config: Config::load()?,
        work: Work::Command(work),
        wait: arguments.wait,
        injected: InjectedFaults::new(&injected),
        absent: arguments.inject.iter().filter_map(args::Inject::absent).collect(),
        events: Events::to_stdout(arguments.json),
    })
}

/// How it has to end, given what is made to fail.
fn expected(vault: &Vault, inject: &[args::Inject]) -> Result<Expected> {
    let custodians = &vault.manifest.custodians;
    let absent: Vec<_> = inject.iter().filter_map(args::Inject::absent).collect();
    if let Some(stranger) = absent.iter().find(|name| custodians.iter().all(|c| c.name != **name)) {
        return Err(Error::usage(format!("{stranger} is no custodian of this vault")));
    }
    let left = custodians.iter().filter(|c| !absent.contains(&c.name)).count();
    // The lane static is there for just that, and takes no notice.
    let iam_down = vault.manifest.lane == Lane::Gate
        && inject.iter().any(|one| one.of_aws() == Some(Injection::IamDown));
    Ok(if left < vault.manifest.threshold.get().into() {
        Expected::NoQuorum
    } else if iam_down {
        Expected::RefusedUnopened
    } else {
        Expected::OpensAndCloses
    })
}

/// One drill, and what it is for.
struct Practice<'a> {
    arguments: &'a args::Drill,
    vault: &'a Vault,
    drill_of: String,
    session: SessionId,
    expected: Expected,
    faults: InjectedFaults,
    started: Timestamp,
}

impl Practice<'_> {
    /// A custodian signs how it went; that is recorded, written, and said.
    fn conclude(&self, ledger: &Ledger, out: &Path, ended: Result<()>) -> Result<()> {
        let status = ended.as_ref().map_or_else(|error| error.status.code(), |()| 0);
        let drill = self.judge(ledger, status)?;
        let signed = self.sign(ledger, &drill);
        let envelope = signed.as_ref().ok();
        ledger.append(Timestamp::now(), self.record(&drill, envelope.cloned()))?;
        let evidence = envelope.map(|envelope| write(out, envelope)).transpose()?;
        self.report(&drill, evidence)?;
        verdict(ended, &drill)?;
        signed.map(drop)
    }

    /// What was to fail did; in the lane static IAM is not even asked, and without a quorum nothing is.
    fn has_failed_as_told(&self) -> bool {
        let is_asked = self.expected != Expected::NoQuorum && self.vault.manifest.lane == Lane::Gate;
        !is_asked || self.faults.all_met()
    }

    /// What there is to sign, but for who signs it.
    fn judge(&self, ledger: &Ledger, exit: u8) -> Result<Drill> {
        let course = SessionOutcome::of(&ledger.entries()?, self.session);
        Ok(Drill {
            closed: course.probed_closed,
            custodians: course.custodians,
            drill_of: self.drill_of.clone(),
            ended: Timestamp::now(),
            enrolment: String::new(),
            exit,
            expected: self.expected,
            injected: self.arguments.inject.iter().map(ToString::to_string).collect(),
            ledger: ledger.head()?.into(),
            opened: course.opened,
            passed: self.expected.is_met(exit, course.opened, course.probed_closed)
                && self.has_failed_as_told(),
            session: self.session,
            serial: 0,
            signed_by: String::new(),
            started: self.started,
            told: course.acknowledged,
            vault_id: self.vault.manifest.vault_id.clone(),
        })
    }

    /// Whoever is there signs it.
    fn sign(&self, ledger: &Ledger, drill: &Drill) -> Result<Envelope> {
        let (manifest, wait) = (&self.vault.manifest, self.arguments.wait.duration());
        let verdict = if drill.passed { "passed" } else { "FAILED" };
        let what = format!("the evidence of this drill, which {verdict}");
        let absent: Vec<_> = self.arguments.inject.iter().filter_map(args::Inject::absent).collect();
        let signing = Signing { manifest, what: &what, wait, first: &drill.custodians, absent: &absent };
        let (_, envelope) = signing.by_anyone(|custodian, token| {
            let (signed_by, enrolment) = (custodian.name.clone(), custodian.enrolment.clone());
            let (ledger, serial) = (ledger.head()?.into(), token.serial);
            let drill = Drill { enrolment, ledger, serial, signed_by, ..drill.clone() };
            Ok(Statement::of(&manifest.label, &self.vault.sha256, drill))
        })?;
        Ok(envelope)
    }

    fn record(&self, drill: &Drill, envelope: Option<Envelope>) -> Record {
        let Drill { session, passed, injected, custodians, .. } = drill.clone();
        Record::Drill { session, vault: self.drill_of.clone(), passed, injected, custodians, envelope }
    }

    fn report(&self, drill: &Drill, evidence: Option<(&Path, String)>) -> Result<()> {
        let Drill { session, passed, expected, .. } = *drill;
        if self.arguments.json {
            let evidence = evidence.as_ref().map(|(path, _)| *path);
            Events::to_stdout(true).emit(Timestamp::now(), Event::Drill { session, passed, evidence });
            return Ok(());
        }
        let verdict = if passed {
            format!("passed: it {}", expected.words())
        } else {
            format!("FAILED: it was to end as one that {}", expected.words())
        };
        let evidence = evidence.map_or_else(
            || "evidence    none: nobody signed\n".to_owned(),
            |(path, words)| format!("evidence    {}\nwords       {words}\n", path.display()),
        );
        print::result(&format!("drill       {verdict}\n{evidence}"))
    }
}

/// The evidence's file and the words of its digest.
fn write<'a>(out: &'a Path, envelope: &Envelope) -> Result<(&'a Path, String)> {
    let mut file = canonical::to_vec(envelope);
    file.push(b'\n');
    output::create(out, &file)?;
    Ok((out, words::of(&Sha256::digest(&file).into())))
}

/// A drill that fails as it was told to has passed.
fn verdict(ended: Result<()>, drill: &Drill) -> Result<()> {
    if drill.passed {
        return Ok(());
    }
    ended.and_then(|()| {
        Err(Error::failed(format!("the drill was to end as one that {}", drill.expected.words()))
            .next("read what was said above, and practise again"))
    })
}
