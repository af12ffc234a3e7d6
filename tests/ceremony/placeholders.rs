//! Checks the commands in the program's messages: a value that the program knows is filled in. For a value that it does
//! not know, a command has a placeholder of `src/placeholder.rs`, and the message explains the placeholder.

use std::fs;

use regex_lite::Regex;

use crate::documentation::{files, root};

/// Returns the string literals of the code, without those of the unit tests at the end of a file. Help texts of options
/// are doc comments or attributes, so they are not among the literals.
fn literals(code: &str) -> Vec<String> {
    let code = code.split("\n#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.filter(|line| !line.trim_start().starts_with("#[")).collect::<Vec<_>>().join("\n");
    let literal = Regex::new(r#""((?:[^"\\]|\\(?s:.))*)""#).unwrap();
    literal.captures_iter(&code).map(|found| found[1].to_owned()).collect()
}

/// Returns the placeholders in a text: words in capitals after a command, an option or an equals sign.
fn placeholders(text: &str) -> Vec<String> {
    let before = r"--[a-z-]+[ =]|breakglass (?:ledger )?[a-z]+ |\b(?:close|open|status) |[a-z]=";
    let placeholder = Regex::new(&format!(r"(?:{before})([A-Z]{{2,}})\b")).unwrap();
    placeholder.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn no_message_has_a_placeholder_that_is_not_explained() {
    let mut count = 0;
    for path in files(&root().join("src"), "rs") {
        let name = path.to_string_lossy();
        // The help topics explain the names of environment variables.
        let other = ["placeholder.rs", "topics.rs", "tests.rs"].iter().any(|other| name.ends_with(other));
        if other || name.contains("/src/gate/tests/") {
            continue;
        }
        for literal in literals(&fs::read_to_string(&path).unwrap()) {
            count += 1;
            let found = placeholders(&literal);
            assert!(found.is_empty(), "{}: {found:?} in {literal:?}", path.display());
        }
    }
    assert!(count > 2_000, "only {count} literals were found");
}

#[test]
fn each_placeholder_on_a_screen_is_explained_there() {
    let mut found = 0;
    for path in files(&root().join("tests/cli/screens"), "txt") {
        let screen = fs::read_to_string(&path).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        for placeholder in placeholders(&screen) {
            found += 1;
            assert!(
                screen.contains(&format!("{placeholder} is ")),
                "{}: {placeholder} is not explained: {screen}",
                path.display()
            );
        }
    }
    assert!(found > 0, "at least one screen has a placeholder, such as a profile that is not known");
}

/// The control: the search finds placeholders of every form.
#[test]
fn a_placeholder_in_a_message_is_found() {
    for (code, expected) in [
        (r#".next("close now: breakglass close VAULT --force")"#, "VAULT"),
        (r#"format!("{vault} --for TIME")"#, "TIME"),
        (r#"let what = "close VAULT --profile {name}";"#, "VAULT"),
        ("let long = \"ask IAM: \\\n    breakglass status {vault} --profile NAME\";", "NAME"),
        (r#""expected absent=NAME""#, "NAME"),
    ] {
        let found: Vec<_> = literals(code).iter().flat_map(|literal| placeholders(literal)).collect();
        assert_eq!(found, [expected], "{code}");
    }
    assert!(literals("// close VAULT\n#[arg(value_name = \"NAME\")]\nfn a() {}").is_empty());
}
