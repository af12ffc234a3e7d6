//! Tests that the command line is consistent, that every argument has a help text, and that every command has an
//! example.

use clap::{Command as ClapCommand, CommandFactory as _, Parser as _};

use super::args::Arguments;

/// Returns the commands that the help lists. In place of a command with subcommands, returns the subcommands.
fn listed() -> Vec<ClapCommand> {
    let mut all = Vec::new();
    for command in Arguments::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let nested: Vec<_> =
            command.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
        all.extend(if nested.is_empty() { vec![command.clone()] } else { nested });
    }
    all
}

fn help(arguments: &[&str]) -> String {
    match Arguments::try_parse_from([&["breakglass", "help"], arguments].concat()) {
        Ok(_) => panic!("help should not run a command"),
        Err(help) => help.to_string(),
    }
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_has_an_example_and_every_argument_a_help_text() {
    for command in listed() {
        let name = command.get_name();
        let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(example.contains("Example"), "{name} has no example");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "{name} does not explain {}", argument.get_id());
        }
    }
}

#[test]
fn the_help_lists_and_shows_each_topic() {
    let overview = help(&[]);
    assert!(overview.contains("help exit-codes") && overview.contains("help environment"), "{overview}");
    assert!(help(&["exit-codes"]).contains("Access may still be open"));
    assert!(help(&["environment"]).contains("BREAKGLASS_CONFIG"));
}

#[cfg(not(feature = "cloud"))]
#[test]
fn the_offline_build_refuses_commands_that_need_aws() {
    let lines = [
        "open prod.age --for 5m --reason why -- aws s3 ls",
        "unseal --help",
        "drill prod.drill.age",
        "close",
        "status --json",
        "ledger ship",
    ];
    for line in lines {
        let arguments = Arguments::try_parse_from(std::iter::once("breakglass").chain(line.split(' ')));
        let Ok(Arguments { command }) = arguments else { panic!("{line} is not parsed") };
        let error = command.run(crate::events::Events::none()).expect_err(line);
        assert_eq!(error.status, crate::error::Status::Usage, "{line}");
        assert!(error.what.contains("this is the offline build"), "{error}");
    }
    assert!(!help(&[]).contains("drill"), "the help should not list commands that this build lacks");
}
