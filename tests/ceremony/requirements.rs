//! Checks that every requirement of `vault-format.md` has a row in `tests/requirements.md`. The row names the vectors
//! or tests that check the requirement.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::soft::figure;

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

/// Finds the requirements in a document. A requirement is a sentence with MUST, or a row of a table of accepted forms
/// or limits.
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

/// Reads `tests/requirements.md`. Returns the names of the vectors and tests for each requirement.
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

/// Returns the names of all test functions in `src` and `tests`: functions below a `#[test]` attribute.
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
                let mut is_test = false;
                for line in text.lines().map(str::trim_start) {
                    if let Some((name, _)) = line.strip_prefix("fn ").and_then(|rest| rest.split_once('(')) {
                        names.extend(is_test.then(|| name.to_owned()));
                        is_test = false;
                    }
                    is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
                }
            }
        }
    }
    names
}

/// The requirements for readers that no vector can show. Each entry has a section, the start of the
/// requirement and the reason.
const WITHOUT_VECTOR: [(&str, &str, &str); 4] = [
    ("Attestation", "A reader MUST refuse an enrolment file with one", "only Yubico can sign such a chain"),
    ("Digests as words", "A reader MUST accept typed words", "a vector has no typed digest"),
    ("Failures", "An error message MUST NOT repeat", "a vector does not restrict error messages"),
    ("Limits", "If the length is known early enough", "a vector does not show when a reader measures"),
];

/// The first words of the requirements that no file can show. A requirement that no file can show is a rule for
/// writers, for people or for a later version of the format.
const FOR_WRITERS: [&str; 7] = [
    "A part MUST be generated",
    "A person MUST NOT choose a part",
    "For each of the 16 bytes, the writer MUST",
    "For each share, the writer MUST",
    "If a change of the format makes a reader",
    "The coefficients MUST",
    "The key words MUST",
];

/// Returns the vectors that a name in a row matches. A name can have one `*`, which stands for any characters.
fn vectors<'a>(name: &str, all: &'a BTreeSet<String>) -> Vec<&'a String> {
    let (start, end) = name.split_once('*').unwrap_or((name, ""));
    let is_long = |vector: &String| vector.len() >= start.len() + end.len();
    let matches = |vector: &String| vector.starts_with(start) && vector.ends_with(end) && is_long(vector);
    let is_named = |vector: &&String| *vector == name || name.contains('*') && matches(vector);
    all.iter().filter(is_named).collect()
}

/// Returns the names of all vectors.
fn all_vectors() -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join("tests/vectors")).expect("the directory should be readable");
    let stem = |file: std::io::Result<std::fs::DirEntry>| {
        file.expect("the entry should be readable")
            .path()
            .file_stem()
            .map(|name| name.to_string_lossy().into_owned())
    };
    files.filter_map(stem).collect()
}

#[test]
fn the_table_has_exactly_the_requirements_of_the_format() {
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
    let musts = requirements.iter().filter(|(_, text)| text.contains("MUST")).count();
    figure(&format!("{} requirements of the format, {musts} with MUST", requirements.len()));
    assert!(musts >= 165, "the number of requirements with MUST should not fall, but it is {musts}");
}

#[test]
fn every_requirement_is_shown_by_a_vector_or_a_test() {
    let table = table(&read("tests/requirements.md"));
    let (all, tests) = (all_vectors(), tests());
    let (mut by_vectors, mut of_writers, mut excused) = (0, 0, BTreeSet::new());
    let (mut wrong, mut without_vector, mut named) = (Vec::new(), Vec::new(), BTreeSet::new());
    for ((section, text), shown) in &table {
        let found: Vec<_> = shown.iter().flat_map(|name| vectors(name, &all)).collect();
        let exists = |name: &String| match name.strip_prefix("test ") {
            Some(test) => tests.contains(test),
            None => !vectors(name, &all).is_empty(),
        };
        if shown.is_empty() || !shown.iter().all(exists) {
            wrong.push(format!("{section}: {text}: {shown:?}"));
        }
        let excuse = WITHOUT_VECTOR.iter().find(|(of, start, _)| section == of && text.starts_with(start));
        if !found.is_empty() {
            by_vectors += 1;
        } else if FOR_WRITERS.iter().any(|start| text.starts_with(start)) {
            of_writers += 1;
        } else if let Some(excuse) = excuse {
            excused.insert((excuse, text));
        } else {
            without_vector.push(format!("{section}: {text}"));
        }
        named.extend(found);
    }
    let unnamed: Vec<_> = all.iter().filter(|name| !named.contains(name)).collect();
    let unused = |entry: &&(&str, &str, &str)| !excused.iter().any(|(excuse, _)| excuse == entry);
    let unused: Vec<_> = WITHOUT_VECTOR.iter().filter(unused).collect();
    figure(&format!(
        "{by_vectors} requirements shown by vectors, {of_writers} rules for writers shown by tests, {} rules for readers \
         without a vector ({} more are in the list of exceptions)",
        without_vector.len(),
        excused.len()
    ));
    figure(&format!("{} vectors, {} of them in no row", all.len(), unnamed.len()));
    assert!(
        wrong.is_empty(),
        "these rows name a vector or a test that does not exist:\n{}",
        wrong.join("\n")
    );
    assert!(
        without_vector.is_empty(),
        "these rules for readers have no vector:\n{}",
        without_vector.join("\n")
    );
    assert!(unnamed.is_empty(), "no row names these vectors: {unnamed:?}");
    assert!(unused.is_empty(), "these exceptions are not needed: {unused:?}");
}
