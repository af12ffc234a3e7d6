//! Checks that every requirement of `vault-format.md` has a row in `tests/requirements.md`. The row names the vectors
//! or tests that check the requirement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A requirement in `vault-format.md`. The first text is the title of the section that has the requirement. The
/// second text is a sentence with MUST, or the first cells of a table row that states an accepted form or a limit.
type Key = (String, String);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect(name)
}

/// Splits a row of a Markdown table into cells.
fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// Splits a paragraph into sentences. A sentence begins with a capital letter, with code, or with emphasis.
fn sentences(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut all = vec![String::new()];
    for (place, word) in words.iter().enumerate() {
        let last = all.last_mut().expect("the list should have at least one sentence");
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
        let starts = |next: &&str| next.starts_with(|c: char| c.is_ascii_uppercase() || c == '`' || c == '*');
        if word.ends_with(['.', ':']) && words.get(place + 1).is_some_and(starts) {
            all.push(String::new());
        }
    }
    all
}

/// Finds the requirements in a document. A requirement is a sentence with MUST, or a table row that states an
/// accepted form or a limit.
fn requirements(document: &str) -> BTreeSet<Key> {
    let mut found = BTreeSet::new();
    let (mut section, mut paragraph, mut header) = (String::new(), String::new(), Vec::new());
    let (mut fenced, mut kind) = (false, String::new());
    for line in document.lines().chain(["#"]) {
        let starts_item = line.trim_start().starts_with("- ")
            || line.trim_start().split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        if fenced || line.starts_with(['#', '|']) || line.starts_with("```") || line.is_empty() || starts_item
        {
            let with_must = sentences(&paragraph).into_iter().filter(|text| text.contains("MUST"));
            found.extend(with_must.map(|text| (section.clone(), text)));
            paragraph.clear();
        }
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
        } else if let Some(title) = line.strip_prefix('#') {
            title.trim_start_matches('#').trim().clone_into(&mut section);
        } else if line.starts_with('|') {
            let row = cells(line);
            if header.is_empty() {
                header = row;
            } else if !line.contains("---") {
                let Some(last) = header.iter().position(|name| name == "accepted form" || name == "limit")
                else {
                    continue;
                };
                if last == 2 && !row[0].is_empty() {
                    kind.clone_from(&row[0]);
                }
                let key = if last == 2 { format!("{kind} {}", row[1]) } else { row[0].clone() };
                found.insert((section.clone(), key));
            }
            continue;
        } else {
            paragraph.push(' ');
            paragraph.push_str(line.trim_start().trim_start_matches("- "));
        }
        header.clear();
    }
    found
}

/// Reads `tests/requirements.md`. The result has the names of the vectors and tests for each requirement.
fn table(text: &str) -> BTreeMap<Key, Vec<String>> {
    let mut rows = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        } else if line.starts_with('|') && !line.contains("---") && !line.starts_with("| requirement") {
            let row = cells(line);
            assert_eq!(row.len(), 2, "{line}");
            let shown = row[1].split(", ").map(str::to_owned).filter(|name| !name.is_empty()).collect();
            assert!(
                rows.insert((section.clone(), row[0].clone()), shown).is_none(),
                "each row should appear once, but this row appears twice: {line}"
            );
        }
    }
    rows
}

/// Returns the names of all functions in `src` and `tests`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("src"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder should be readable") {
            let path = entry.expect("the folder's entry should be readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("the source file should be readable");
                let functions = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
                names.extend(
                    functions.filter_map(|rest| rest.split_once('(')).map(|(name, _)| name.to_owned()),
                );
            }
        }
    }
    names
}

#[test]
fn every_requirement_is_shown_by_a_vector_or_a_test() {
    let requirements = requirements(&read("vault-format.md"));
    let table = table(&read("tests/requirements.md"));
    let missing: Vec<_> = requirements.iter().filter(|key| !table.contains_key(*key)).collect();
    assert!(
        missing.is_empty(),
        "every requirement should be in tests/requirements.md, but {} are not: {missing:#?}",
        missing.len()
    );
    let stale: Vec<_> = table.keys().filter(|key| !requirements.contains(*key)).collect();
    assert!(
        stale.is_empty(),
        "every row should match a requirement in vault-format.md, but these do not: {stale:#?}"
    );
    let is_vector = |name: &str| root().join("tests/vectors").join(format!("{name}.txt")).exists();
    let tests = tests();
    let (mut by_vectors, mut by_tests, mut wrong) = (0, 0, Vec::new());
    for ((section, text), shown) in &table {
        let vectors = shown.iter().filter(|name| is_vector(name)).count();
        let named =
            shown.iter().filter_map(|name| name.strip_prefix("test ")).filter(|name| tests.contains(*name));
        let named = named.count();
        if shown.is_empty() || vectors + named != shown.len() {
            wrong.push(format!("{section}: {text}: {shown:?}"));
        }
        (by_vectors, by_tests) =
            (by_vectors + usize::from(vectors > 0), by_tests + usize::from(vectors == 0));
    }
    assert!(
        wrong.is_empty(),
        "every row should name vectors or tests that exist, but these rows do not:\n{}",
        wrong.join("\n")
    );
    let musts = requirements.iter().filter(|(_, text)| text.contains("MUST")).count();
    println!(
        "{} requirements, {musts} with MUST: {by_vectors} shown by vectors, {by_tests} by tests, 0 by neither",
        requirements.len()
    );
}
