//! Wraps usage lines between arguments. Clap prints each usage as one long line, which a terminal would break within
//! words.

use clap::Command;

use crate::terminal::print;

/// The text that starts every usage line.
const TITLE: &str = "Usage: ";

/// The placeholder for a space at which a usage line must not be broken.
const GLUE: char = '\u{a0}';

/// Wraps the usage line of every subcommand at the terminal's width.
pub fn wrapped(mut command: Command) -> Command {
    command.build();
    wrap_below(&mut command, print::columns().min(100));
    command
}

fn wrap_below(command: &mut Command, columns: usize) {
    for below in command.get_subcommands_mut() {
        wrap_below(below, columns);
        let usage = broken(&below.render_usage().to_string(), columns);
        let usage = usage.strip_prefix(TITLE).unwrap_or(&usage).to_owned();
        *below = std::mem::take(below).override_usage(usage);
    }
}

/// Wraps one usage line. Continuation lines are aligned with the subcommand's name. An option and its value stay on one
/// line.
fn broken(usage: &str, columns: usize) -> String {
    let mut glued = String::new();
    let mut words = usage.split(' ').peekable();
    while let Some(word) = words.next() {
        glued += word;
        let is_option = word.trim_start_matches('[').starts_with("--");
        match words.peek() {
            Some(next) if is_option && next.starts_with('<') => glued.push(GLUE),
            Some(_) => glued.push(' '),
            None => {}
        }
    }
    print::hung(&glued, TITLE.len() + "breakglass ".len(), columns).replace(GLUE, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_usage_breaks_between_arguments() {
        let usage = "Usage: breakglass open [OPTIONS] --for <TIME> --reason <WHY> <VAULT> [-- <COMMAND>...]";
        let expected = "\
Usage: breakglass open [OPTIONS] --for <TIME>
                  --reason <WHY> <VAULT>
                  [-- <COMMAND>...]";
        assert_eq!(broken(usage, 50), expected);
        assert_eq!(broken(usage, 100), usage);
    }
}
