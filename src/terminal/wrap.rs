//! Wraps text at words, with a hanging indent.

use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter};

/// The indent of a command to paste, in columns. A line with this indent is never wrapped.
const COMMAND: usize = 4;

/// The narrowest terminal for which text is wrapped, in columns.
const NARROWEST: usize = 20;

/// Wraps every line of `text` between words. A word that is wider than `columns` is not broken.
///
/// White space at the end of a line is kept, because a prompt such as `PIN: ` ends with a space.
pub(super) fn wrapped(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| wrapped_line(line, columns)).collect();
    lines.join("\n")
}

fn wrapped_line(line: &str, columns: usize) -> String {
    let body = line.trim_end();
    if columns < NARROWEST || indent(line) == COMMAND || display_width(body) <= columns {
        return line.to_owned();
    }
    let mut wrapped = hung(body, hanging(line, columns), columns);
    wrapped.push_str(&line[body.len()..]);
    wrapped
}

/// Wraps one line at spaces. Every line after the first is indented by `indent` columns.
pub fn hung(line: &str, indent: usize, columns: usize) -> String {
    let indent = " ".repeat(indent);
    let options = Options::new(columns)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::wrap(line, options).join("\n")
}

/// Returns the indent of the continuation lines of a wrapped line, in columns. If the line starts with a tag (`next:`,
/// `alice:`), the continuation lines are aligned with the text after the tag. If the line is a row of a table, the
/// continuation lines are aligned with the second column. Otherwise, the continuation lines are indented by two columns
/// more than the line.
fn hanging(line: &str, columns: usize) -> usize {
    let body = line.trim_start();
    let lead = indent(line);
    let tag = body.split_inclusive(' ').next().filter(|word| word.ends_with(": "));
    let title = || body.find("  ").map(|end| &body[..body.len() - body[end..].trim_start().len()]);
    // A line that is indented further than a command belongs to a table column, so its continuation lines have the
    // same indent.
    let further = if lead > COMMAND && !body.starts_with("- ") { 0 } else { 2 };
    let behind = lead + tag.or_else(title).map_or(further, display_width);
    if behind <= columns / 3 { behind } else { lead + further }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the number of rows that `text` occupies on a terminal of this width.
pub(super) fn rows(text: &str, columns: usize) -> usize {
    text.split('\n').map(|line| display_width(line).div_ceil(columns.max(1)).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_message_is_indented_to_the_end_of_its_tag() {
        let text = "breakglass: no attestation root certificates found, so the YubiKey cannot be verified\n  \
                    next: use a genuine YubiKey, or name its root certificate with --attestation-root";
        let expected = "\
breakglass: no attestation root certificates found, so the
            YubiKey cannot be verified
  next: use a genuine YubiKey, or name its root certificate
        with --attestation-root";
        assert_eq!(wrapped(text, 60), expected);
    }

    #[test]
    fn a_wrapped_row_of_a_table_is_indented_to_its_second_column() {
        let row = "words       grunt soul wasp lion bird tree and more";
        assert_eq!(wrapped(row, 40), "words       grunt soul wasp lion bird\n            tree and more");
    }

    #[test]
    fn a_line_that_is_indented_further_than_a_command_is_wrapped() {
        let row = "             - review what was changed in the window: users, keys, roles, policies";
        let expected = "             - review what was changed in\n               the window: users, keys,\n               \
                        roles, policies";
        assert_eq!(wrapped(row, 42), expected);
    }

    #[test]
    fn a_command_to_paste_and_a_long_word_are_not_broken() {
        let command =
            "    aws iam attach-user-policy --user-name emergency --policy-arn arn:aws:iam::aws:policy/x";
        assert_eq!(wrapped(command, 40), command);
        let link = format!("console: https://{}", "x".repeat(100));
        assert_eq!(wrapped(&link, 40), link.replace(' ', "\n         "));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_word_is_lost() {
        let text = "close: AWSDenyAll is attached and the key is inactive, but AWS does not report this yet; \
                    the program checks until 02:47:00 UTC that no late write opens access";
        for columns in 20..120 {
            let wrapped = wrapped(text, columns);
            assert!(wrapped.lines().all(|line| display_width(line) <= columns), "{wrapped}");
            assert!(wrapped.split_whitespace().eq(text.split_whitespace()), "{wrapped}");
        }
    }

    #[test]
    fn a_wrapped_prompt_keeps_the_space_at_its_end() {
        let prompt = "this machine swaps without encryption; type yes to go on: ";
        assert_eq!(wrapped(prompt, 40), "this machine swaps without encryption;\n  type yes to go on: ");
    }

    #[test]
    fn rows_include_those_that_a_terminal_adds_for_long_lines() {
        assert_eq!(rows("", 80), 1);
        assert_eq!(rows(&"x".repeat(80), 80), 1);
        assert_eq!(rows(&"x".repeat(81), 80), 2);
        assert_eq!(rows("one\ntwo: ", 80), 2);
        assert_eq!(rows(&"語".repeat(41), 80), 2);
    }
}
