//! The command line. Each command has a file or a folder, which validates the command's arguments and prints the
//! command's result.

mod args;
/// The commands that need AWS. In the offline build, `offline.rs` replaces this module.
#[cfg(feature = "cloud")]
mod cloud;
#[cfg(not(feature = "cloud"))]
#[path = "offline.rs"]
mod cloud;
mod enrol;
mod genuine;
mod groups;
mod input;
mod inspect;
mod ledger;
mod output;
mod review;
mod seal;
mod sign;
#[cfg(test)]
mod tests;
mod token_dialog;
mod topics;
mod typed;
mod usage;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::error::{Result, Status};
use crate::events::Events;
use crate::secret;
use crate::terminal::print;
use args::{Arguments, Command};

/// Runs the command line and returns the exit status.
pub fn main() -> u8 {
    let matches = usage::wrapped(Arguments::command()).try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Status::Usage.code() } else { 0 };
        }
    };
    let events = arguments.command.events();
    let result = arguments.command.run(events);
    events.exit(result.as_ref().copied());
    let status = match result {
        Ok(()) => 0,
        Err(error) => {
            print::error(&error);
            error.status.code()
        }
    };
    cloud::finish();
    status
}

impl Command {
    /// Returns the destination of the command's events.
    fn events(&self) -> Events {
        match self {
            Self::Cloud(command) => command.events(),
            _ => Events::none(),
        }
    }

    fn run(self, events: Events) -> Result<()> {
        match self {
            Self::Enrol(arguments) => hardened(|| enrol::run(arguments)),
            Self::Seal(arguments) => hardened(|| seal::run(arguments)),
            Self::Inspect(arguments) => inspect::run(&arguments),
            Self::Cloud(command) if command.has_secrets() => hardened(|| command.run(events)),
            Self::Cloud(command) => command.run(events),
            Self::Review(arguments) => hardened(|| review::run(arguments)),
            Self::Ledger { command } => ledger::run(command),
            Self::Completions { shell } => completions(shell),
            Self::Topic(topic) => topic.run(),
        }
    }
}

/// Runs a command that handles secrets. While the command runs, other processes cannot read this process's memory.
/// After the command has ended, its secrets are wiped from memory.
fn hardened(command: impl FnOnce() -> Result<()>) -> Result<()> {
    secret::harden()?;
    let result = command();
    secret::wipe_all();
    secret::wipe_stack();
    result
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print::exact(&String::from_utf8_lossy(&script))
}
