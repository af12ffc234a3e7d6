//! `open`: a quorum at the terminal, then the gate and its window.

use super::gather::{self, Purpose};
use super::{args, input, target};
use crate::cloud::{self, Opening, Work};
use crate::error::{Error, Result};
use crate::ledger::{Ledger, VaultFacts};
use crate::terminal::signals;
use crate::vault::file::Vault;

/// Checks what can be checked before anybody is woken, gathers the quorum, opens, works, closes.
pub fn run(arguments: args::Open) -> Result<()> {
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
    check_reason(&arguments.reason)?;
    let work = match (arguments.hold, arguments.command.is_empty()) {
        (true, _) => Work::Hold,
        (false, true) => Work::Shell,
        (false, false) => Work::Command(arguments.command.clone()),
    };
    work.check()?;
    let ledger = Ledger::at_default();
    // Certificates and configuration load while the custodians are asked.
    let warm = cloud::Warm::start();
    let target = unsealed(&vault, &summary.name, &arguments)?;
    let facts = VaultFacts::of(&vault, &arguments.vault);
    drop(vault);
    let window = arguments.window.duration();
    cloud::open(Opening {
        vault: facts,
        target,
        window,
        reason: arguments.reason,
        work,
        ledger,
        warm,
        stopped: signals::pending,
    })
}

/// The one target, out of a payload of which everything else is wiped here.
fn unsealed(vault: &Vault, name: &str, arguments: &args::Open) -> Result<crate::vault::payload::Target> {
    let shares = gather::shares(vault, arguments.wait.duration(), Purpose::Open)?;
    target::unseal(vault, &shares, name)
}

fn check_reason(reason: &str) -> Result<()> {
    let fits = (1..=200).contains(&reason.trim().len()) && !reason.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(Error::usage("the reason is not 1 to 200 characters on one line")
            .next("say why in --reason, for the record"))
    }
}
