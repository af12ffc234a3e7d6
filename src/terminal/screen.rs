//! Formats counts and lists, and shows the twelve words of a new custodian.

use zeroize::Zeroizing;

use super::{NoAnswer, Reply, Terminal};

/// Formats a count with its noun: `1 try`, `2 tries`.
pub fn countable(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Joins names with commas, and puts the word in `last` before the last name. If this word is `or`, results are
/// `alice`, `alice or bob` and `alice, bob or carol`.
pub fn listed(names: &[&str], last: &str) -> String {
    match names {
        [] => "none".into(),
        [only] => (*only).into(),
        [most @ .., one] => format!("{} {last} {one}", most.join(", ")),
    }
}

/// Shows numbered lines on the alternate screen until Enter is pressed. The lines do not stay in the terminal's
/// scrollback.
///
/// # Errors
/// Returns [`NoAnswer::Signal`] if a signal arrives. The screen is cleared even after a signal.
pub fn sheet<'a>(
    terminal: &mut Terminal,
    above: &str,
    lines: impl Iterator<Item = &'a str>,
    below: &str,
) -> Result<Reply, NoAnswer> {
    terminal.write("\x1b[?1049h\x1b[2J\x1b[H");
    terminal.write(&format!("{above}\n\n"));
    let lines: Zeroizing<Vec<String>> =
        Zeroizing::new(lines.zip(1..).map(|(line, place)| format!("{place} {line}")).collect());
    // The alternate screen has no scrollback. If the screen has too few rows for the lines, the lines are shown in
    // three columns.
    let across = if terminal.rows() < lines.len() + 6 { 3 } else { 1 };
    for row in lines.chunks(across) {
        terminal.write(Zeroizing::new(row.join("    ")).as_str());
        terminal.write("\n");
    }
    terminal.write("\n");
    let answer = terminal.ask(below, None);
    terminal.write("\x1b[2J\x1b[H\x1b[3J\x1b[?1049l");
    answer
}
