//! `open`: a quorum at the terminal, then the gate and its window.

use super::opening::{Order, one_line};
use super::shipping;
use crate::aws::InjectedFaults;
use crate::cli::{args, input};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::session::Work;

/// Checks what can be checked before anybody is woken, gathers the quorum, opens, works, closes.
pub fn run(arguments: args::Open) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    if vault.manifest.drill_of.is_some() {
        return Err(Error::usage(format!("{} is a drill vault", arguments.vault.display()))
            .next("practise with breakglass drill; open the vault that it lies beside"));
    }
    let work = work(&arguments);
    let order = Order {
        path: arguments.vault,
        vault,
        target: arguments.target,
        window: arguments.window,
        reason: one_line(&arguments.reason),
        again: arguments.again.as_deref().map(one_line),
        no_alert: arguments.no_alert.as_deref().map(one_line),
        config: Config::load()?,
        work,
        wait: arguments.wait,
        injected: InjectedFaults::default(),
        absent: Vec::new(),
        events: Events::to_stdout(arguments.json),
    };
    let ledger = shipping::ledger(&order.config);
    order.check(&ledger)?;
    order.carry_out(SessionId::random(), ledger)
}

fn work(arguments: &args::Open) -> Work {
    match (arguments.hold, arguments.console, arguments.command.is_empty()) {
        (true, ..) => Work::Hold,
        (_, true, _) => Work::Console,
        (.., true) => Work::Shell,
        (.., false) => Work::Command(arguments.command.clone()),
    }
}
