//! `open`: a quorum at the terminal, then the gate and its window.

use super::order::Order;
use super::{args, input};
use crate::cloud::Work;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::{Ledger, VaultFacts};

/// Checks what can be checked before anybody is woken, gathers the quorum, opens, works, closes.
pub fn run(arguments: args::Open) -> Result<()> {
    let vault = input::vault(&arguments.vault)?;
    if vault.manifest.drill_of.is_some() {
        return Err(Error::usage(format!("{} is a drill vault", arguments.vault.display()))
            .next("practise with breakglass drill; open the vault that it lies beside"));
    }
    let facts = VaultFacts::of(&vault, &arguments.vault);
    let work = work(&arguments);
    let order = Order {
        path: arguments.vault,
        vault,
        target: arguments.target,
        window: arguments.window,
        reason: arguments.reason,
        again: arguments.again,
        work,
        wait: arguments.wait,
        injected: Vec::new(),
        absent: Vec::new(),
        events: Events::to_stdout(arguments.json),
    };
    let ledger = Ledger::at_default();
    order.check(&ledger)?;
    check_spent(&ledger, &facts, order.again.is_some())?;
    order.carry_out(SessionId::random(), ledger)
}

/// Credentials that were opened count as spent, until they are rotated.
fn check_spent(ledger: &Ledger, facts: &VaultFacts, again: bool) -> Result<()> {
    let Some(session) = ledger.spent(facts)?.filter(|_| !again) else { return Ok(()) };
    let what = format!("these credentials are spent: session {session} has opened them; nothing was enabled");
    Err(Error::failed(what).next(
        "rotate them and seal anew; to open them once more now, say --again WHY, which the custodians sign",
    ))
}

fn work(arguments: &args::Open) -> Work {
    match (arguments.hold, arguments.console, arguments.command.is_empty()) {
        (true, ..) => Work::Hold,
        (_, true, _) => Work::Console,
        (.., true) => Work::Shell,
        (.., false) => Work::Command(arguments.command.clone()),
    }
}
