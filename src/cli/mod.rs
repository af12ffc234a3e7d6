//! One file per command: arguments in, a call, words out.

mod args;
#[cfg(feature = "cloud")]
mod cloud;
mod enrol;
mod input;
mod inspect;
mod ledger;
mod output;
mod review;
mod seal;
mod sign;
mod typed;
mod usage;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::error::{Result, Status};
use crate::events::Events;
use crate::secret;
use crate::terminal::print;
use args::{Arguments, Command};

/// Parses the command line, runs the command, says what went wrong; the exit status.
pub fn main() -> u8 {
    let matches = usage::wrapped(Arguments::command()).try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Status::Usage.code() } else { 0 };
        }
    };
    let events = events(&arguments.command);
    let result = run(arguments.command);
    events.exit(result.as_ref().copied());
    let status = match result {
        Ok(()) => 0,
        Err(error) => {
            print::error(&error);
            error.status.code()
        }
    };
    #[cfg(feature = "cloud")]
    cloud::shipping::finish();
    status
}

/// What was asked to be told to machines as it happens.
fn events(command: &Command) -> Events {
    match command {
        #[cfg(feature = "cloud")]
        Command::Open(arguments) => Events::to_stdout(arguments.json),
        #[cfg(feature = "cloud")]
        Command::Close(arguments) => Events::to_stdout(arguments.json),
        #[cfg(feature = "cloud")]
        Command::Drill(arguments) => Events::to_stdout(arguments.json),
        _ => Events::none(),
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Review(arguments) => hardened(|| review::run(&arguments)),
        Command::Ledger { command } => ledger::run(&command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "breakglass", &mut script);
            print::exact(&String::from_utf8_lossy(&script))
        }
        Command::Enrol(arguments) => hardened(|| enrol::run(&arguments)),
        Command::Seal(arguments) => hardened(|| seal::run(&arguments)),
        #[cfg(feature = "cloud")]
        Command::Open(arguments) => hardened(|| cloud::open::run(arguments)),
        #[cfg(feature = "cloud")]
        Command::Drill(arguments) => hardened(|| cloud::drill::run(&arguments)),
        #[cfg(feature = "cloud")]
        Command::Close(arguments) => hardened(|| cloud::close::run(arguments)),
        #[cfg(feature = "cloud")]
        Command::Status(arguments) => cloud::status::run(&arguments),
    }
}

/// Runs what touches secrets in a process that nobody can look into, and wipes behind it.
fn hardened(command: impl FnOnce() -> Result<()>) -> Result<()> {
    secret::harden()?;
    let result = command();
    secret::wipe_all();
    secret::wipe_stack();
    result
}
