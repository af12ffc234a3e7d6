//! `drill`: opens a drill vault with real YubiKeys and words, and writes evidence of the drill. The user in a drill
//! vault is allowed only the probe call.

mod evidence;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::PathBuf;

use jiff::Timestamp;

use super::args::DrillArgs;
use super::inject::Inject;
use super::opening::{OpenRequest, Reason};
use super::{shipping, target};
use crate::aws::{InjectedFaults, Injection};
use crate::cli::{input, output};
use crate::config::Config;
use crate::custody::statement::drill::ExpectedOutcome;
use crate::error::{Error, Result, Status};
use crate::events::Events;
use crate::gate::SessionId;
use crate::session::Work;
use crate::terminal::{note, warning};
use crate::vault::file::Vault;
use crate::vault::manifest::Lane;
use evidence::Practice;

/// Opens and closes the drill vault, judges the outcome, has a custodian sign the evidence, and writes the evidence
/// to a file.
pub fn run(arguments: &DrillArgs, events: Events) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    let DrillRequest { open, session, drill_of, expected, inject, out } =
        DrillRequest::new(arguments, &vault, events)?;
    let ledger = shipping::ledger(&open.config);
    open.check(&ledger)?;
    let practice = Practice {
        vault: &vault,
        drill_of,
        session,
        expected,
        inject,
        injected: open.injected.clone(),
        started: Timestamp::now(),
        wait: open.wait,
        ledger: ledger.clone(),
        events,
    };
    let ended = open.run(session, ledger).map(drop);
    if let Err(error) = &ended {
        note(&format!("the opening ended with status {}: {}", error.status.code(), error.what));
    }
    match ended {
        // If access might be open, the operator must know at once, so the program does not first ask a custodian to
        // sign.
        Err(error) if matches!(error.status, Status::MayBeOpen | Status::Signal(_)) => {
            if let Err(failed) = practice.conclude_unsigned(error.status) {
                warning(&failed.what);
            }
            Err(error)
        }
        ended => practice.conclude(&out, ended),
    }
}

/// The validated arguments of `drill`.
struct DrillRequest<'a> {
    /// The request to open the drill vault.
    open: OpenRequest<'a>,
    session: SessionId,
    /// The id of the vault whose opening the drill rehearses.
    drill_of: String,
    expected: ExpectedOutcome,
    inject: &'a [Inject],
    /// The path of the evidence file.
    out: PathBuf,
}

impl<'a> DrillRequest<'a> {
    fn new(arguments: &'a DrillArgs, vault: &'a Vault, events: Events) -> Result<Self> {
        let path = &arguments.vault;
        let drill_of = vault.manifest.drill_of.clone().ok_or_else(|| {
            Error::usage(format!("{} is not a drill vault", path.display()))
                .next("name the .drill.age file that seal wrote next to the vault; if there is no such file, seal with the field \"drill\"")
        })?;
        let session = SessionId::random();
        let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from(format!("drill-{session}.json")));
        output::must_be_new(&out)?;
        let absent: Vec<_> = arguments.inject.iter().filter_map(Inject::absent).collect();
        let failures: Vec<_> = arguments.inject.iter().filter_map(Inject::aws).collect();
        let expected = expected(vault, &absent, &failures)?;
        let open = OpenRequest {
            path,
            vault,
            target: target::choose(vault, arguments.target.as_deref())?,
            window: arguments.window,
            reason: Reason::new("reason", &arguments.reason)?,
            again: None,
            older_epoch: None,
            extra_key: None,
            no_alert: Reason::optional("no-alert", arguments.no_alert.as_deref())?,
            config: Config::load()?,
            work: Work::Command(command(&arguments.command, vault.manifest.lane)),
            wait: arguments.wait.duration(),
            injected: InjectedFaults::new(&failures),
            absent,
            events,
            earlier: OnceCell::new(),
        };
        Ok(Self { open, session, drill_of, expected, inject: &arguments.inject, out })
    }
}

/// Returns the command that runs during the window.
fn command(given: &[OsString], lane: Lane) -> Vec<OsString> {
    match (given, lane) {
        ([], Lane::Gate) => vec!["true".into()],
        // A role's session ends only when the window ends, so the default command runs until the window ends.
        ([], Lane::Static) => vec!["sleep".into(), "infinity".into()],
        (command, _) => command.to_vec(),
    }
}

/// Returns the outcome that the drill should have with these injected failures.
fn expected(vault: &Vault, absent: &[String], failures: &[Injection]) -> Result<ExpectedOutcome> {
    let custodians = &vault.manifest.custodians;
    if let Some(unknown) = absent.iter().find(|name| custodians.iter().all(|c| c.name != **name)) {
        return Err(Error::usage(format!("{unknown} is not a custodian of this vault")));
    }
    let left = custodians.iter().filter(|c| !absent.contains(&c.name)).count();
    // The lane static does not use IAM.
    let iam_down = vault.manifest.lane == Lane::Gate && failures.contains(&Injection::IamDown);
    Ok(if left < vault.manifest.threshold.get().into() {
        ExpectedOutcome::NoQuorum
    } else if iam_down {
        ExpectedOutcome::RefusedUnopened
    } else {
        ExpectedOutcome::OpensAndCloses
    })
}
