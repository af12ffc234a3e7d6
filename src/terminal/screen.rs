//! Words on the screen: notes on stderr, counted and listed things, the sheet that is shown once.

use crate::stderr;

use super::{Stop, Terminal, Typed};

/// A note for the person, on stderr; a terminal that has gone away is no reason to stop.
pub fn note(text: &str) {
    stderr::line(&format!("breakglass: {text}"));
}

/// `1 try`, `2 tries`.
pub fn countable(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `alice`, `alice or bob`, `alice, bob or carol`.
pub fn listed(names: &[&str], last: &str) -> String {
    match names {
        [] => "nobody".into(),
        [only] => (*only).into(),
        [most @ .., one] => format!("{} {last} {one}", most.join(", ")),
    }
}

/// Shows lines once, on the alternate screen, until Enter; nothing of them stays in the scrollback.
///
/// # Errors
/// [`Stop::Signal`]; the screen is cleared all the same.
pub fn sheet<'a>(
    terminal: &mut Terminal,
    above: &str,
    lines: impl Iterator<Item = &'a str>,
    below: &str,
) -> Result<Typed, Stop> {
    terminal.write("\x1b[?1049h\x1b[2J\x1b[H");
    terminal.write(&format!("{above}\n\n"));
    for (place, line) in lines.enumerate() {
        terminal.write(&format!("{} {line}\n", place + 1));
    }
    terminal.write("\n");
    let answer = terminal.ask(below, None);
    terminal.write("\x1b[2J\x1b[H\x1b[3J\x1b[?1049l");
    answer
}
