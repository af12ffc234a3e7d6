//! `open`: a quorum at the terminal, then the gate and its window.

use super::gather::{self, Purpose};
use super::{args, beside, input, target};
use crate::cloud::{self, Opening, Work};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::ledger::{Ledger, VaultFacts};
use crate::terminal::{note, signals};
use crate::vault::file::Vault;
use crate::vault::manifest::Lane;
use crate::vault::payload::Target;

/// Checks what can be checked before anybody is woken, gathers the quorum, opens, works, closes.
pub fn run(arguments: args::Open) -> Result<()> {
    let events = Events::to_stdout(arguments.json);
    let vault = input::vault(&arguments.vault)?;
    let summary = target::choose(&vault, arguments.target.as_deref())?;
    if arguments.window > summary.max_window {
        return Err(Error::usage(format!(
            "{} is longer than {}, the longest window of {}",
            arguments.window, summary.max_window, summary.name
        ))
        .next(format!(
            "open for at most {}; when that is not enough, close and open again",
            summary.max_window
        )));
    }
    check_reason("reason", &arguments.reason)?;
    arguments.again.as_deref().map_or(Ok(()), |why| check_reason("again", why))?;
    let work = work(&arguments);
    work.fits(vault.manifest.lane, summary.mfa)?;
    work.check()?;
    let ledger = Ledger::at_default();
    ledger.check()?;
    let static_vault = (vault.manifest.lane == Lane::Gate)
        .then(|| beside::static_vault(&arguments.vault, &summary.account))
        .flatten();
    let facts = VaultFacts::of(&vault, &arguments.vault);
    if arguments.again.is_none()
        && let Ok(Some(session)) = ledger.spent(&facts)
    {
        note(&format!(
            "warning: session {session} has opened these credentials before; they count as spent until they are rotated\n  \
             next: say why they are opened once more with --again"
        ));
    }
    // Certificates and configuration load while the custodians are asked.
    let warm = cloud::Warm::start();
    let target = unsealed(&vault, &summary.name, &arguments, events)?;
    drop(vault);
    let window = arguments.window.duration();
    cloud::open(Opening {
        vault: facts,
        target,
        window,
        reason: arguments.reason,
        again: arguments.again,
        work,
        ledger,
        events,
        static_vault,
        warm,
        stopped: signals::pending,
    })
}

fn work(arguments: &args::Open) -> Work {
    match (arguments.hold, arguments.console, arguments.command.is_empty()) {
        (true, ..) => Work::Hold,
        (_, true, _) => Work::Console,
        (.., true) => Work::Shell,
        (.., false) => Work::Command(arguments.command.clone()),
    }
}

/// The one target, out of a payload of which everything else is wiped here.
fn unsealed(vault: &Vault, name: &str, arguments: &args::Open, events: Events) -> Result<Target> {
    let shares = gather::shares(vault, arguments.wait.duration(), Purpose::Open, events)?;
    target::unseal(vault, &shares, name)
}

fn check_reason(option: &str, reason: &str) -> Result<()> {
    let fits = (1..=200).contains(&reason.trim().chars().count()) && !reason.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(Error::usage(format!("--{option} is not 1 to 200 characters on one line"))
            .next(format!("say why in --{option}, for the record")))
    }
}
