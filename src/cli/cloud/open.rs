//! `open`: asks for a quorum at the terminal, then opens a window.

use std::cell::OnceCell;

use super::args::{OpenArgs, WorkArgs};
use super::opening::{OpenRequest, Reason};
use super::{shipping, target};
use crate::aws::InjectedFaults;
use crate::cli::input;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::session::Work;

/// Runs every check that needs no custodian, asks for the quorum, opens the window, and closes it.
pub fn run(arguments: OpenArgs, events: Events) -> Result<()> {
    let WorkArgs { hold, console, pass_status, command } = arguments.work;
    let vault = input::vault(&arguments.vault)?;
    if vault.manifest.drill_of.is_some() {
        return Err(Error::usage(format!("{} is a drill vault", arguments.vault.display()))
            .next("use breakglass drill with this file, or open the vault that the drill vault belongs to"));
    }
    let request = OpenRequest {
        path: &arguments.vault,
        vault: &vault,
        target: target::choose(&vault, arguments.target.as_deref())?,
        window: arguments.window,
        reason: Reason::new("reason", &arguments.reason)?,
        again: Reason::optional("again", arguments.again.as_deref())?,
        older_epoch: Reason::optional("older-epoch", arguments.older_epoch.as_deref())?,
        extra_key: Reason::optional("extra-key", arguments.extra_key.as_deref())?,
        no_alert: Reason::optional("no-alert", arguments.no_alert.as_deref())?,
        config: Config::load()?,
        work: work(hold, console, command),
        wait: arguments.wait.duration(),
        injected: InjectedFaults::default(),
        absent: Vec::new(),
        events,
        earlier: OnceCell::new(),
    };
    let ledger = shipping::ledger(&request.config);
    request.check(&ledger)?;
    let end = request.run(SessionId::random(), ledger)?;
    end.failure(pass_status).map_or(Ok(()), Err)
}

fn work(hold: bool, console: bool, command: Vec<std::ffi::OsString>) -> Work {
    match (hold, console, command.is_empty()) {
        (true, ..) => Work::Hold,
        (_, true, _) => Work::Console,
        (.., true) => Work::Shell,
        (.., false) => Work::Command(command),
    }
}
