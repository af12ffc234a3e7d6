//! Checks the documentation. Links lead to existing targets, named tests exist, and the map lists every source file.
//! The README is short and shows the steps of the pinned screen.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file under `directory` with this extension.
pub fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|of| of == extension) {
            found.push(path);
        }
    }
    found
}

/// Returns the Markdown pages at the top of the repository and all pages under docs/.
fn pages() -> Vec<PathBuf> {
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let top = top.filter(|path| path.extension().is_some_and(|of| of == "md"));
    top.chain(files(&root().join("docs"), "md")).collect()
}

/// Returns the text of a page without its code blocks.
fn prose(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    text.split("```").step_by(2).collect()
}

/// Returns the links from a page to files of the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// Returns the anchor of a heading: lower case, hyphens for spaces, no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns each text that is between two backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_link_resolves() {
    for page in pages() {
        let text = prose(&page);
        for link in links(&text) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: the file of the link {link} should exist", page.display());
            if !heading.is_empty() {
                let there = prose(&target);
                let mut headings = there.lines().filter(|line| line.starts_with('#'));
                let is_it = |line: &str| anchor(line.trim_start_matches('#').trim()) == heading;
                assert!(
                    headings.any(is_it),
                    "{}: the heading of the link {link} should exist",
                    page.display()
                );
            }
        }
    }
}

#[test]
fn every_test_named_on_the_attacks_page_exists() {
    let sources = [files(&root().join("src"), "rs"), files(&root().join("tests"), "rs")].concat();
    let sources: String = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let page = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let rows = page.split("## Open attacks").next().unwrap().lines().filter(|line| line.starts_with("| "));
    let (mut named, mut unknown) = (0, Vec::new());
    for row in rows {
        let tests = row.split(" | ").nth(1).unwrap_or_default();
        for name in quoted(tests) {
            let exists = match name.strip_prefix("vectors/") {
                Some(vector) => root().join(format!("tests/vectors/{vector}.txt")).exists(),
                None => sources.contains(&format!("fn {name}(")),
            };
            named += 1;
            if !exists {
                unknown.push(name);
            }
        }
    }
    assert!(unknown.is_empty(), "every test on the page should exist, but these do not: {unknown:?}");
    assert!(named > 100, "the page should name more than 100 tests, not {named}");
}

#[test]
fn the_map_lists_every_source_file() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let map = page.split("\n## The map\n").nth(1).expect("the page should have a section with the map");
    let mut mapped = BTreeSet::new();
    for section in map.split("\n### `").skip(1) {
        let folder = section.split('`').next().unwrap();
        let folder = if folder == "src/" { PathBuf::from("src") } else { Path::new("src").join(folder) };
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        mapped.extend(rows.filter_map(|row| Some(folder.join(row.split('`').next()?))));
    }
    // The map leaves out files that only list modules.
    let only_lists = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        path.ends_with("mod.rs")
            && !text.contains("fn ")
            && !text.contains("struct ")
            && !text.contains("enum ")
    };
    let there = files(&root().join("src"), "rs").into_iter();
    let (listing, there): (Vec<_>, Vec<_>) = there.partition(only_lists);
    let relative = |paths: Vec<PathBuf>| -> BTreeSet<_> {
        paths.iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
    };
    let (listing, there) = (relative(listing), relative(there));
    let missing: Vec<_> = there.difference(&mapped).collect();
    let gone: Vec<_> =
        mapped.iter().filter(|path| !there.contains(*path) && !listing.contains(*path)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "the map should list exactly the files of src; missing: {missing:?}; not in src: {gone:?}"
    );
}

#[test]
fn the_readme_is_at_most_6_kb() {
    let length = fs::metadata(root().join("README.md")).unwrap().len();
    assert!(length <= 6_000, "README.md should have at most 6,000 bytes, not {length}");
}

#[test]
fn the_readme_shows_the_steps_of_the_pinned_screen() {
    // The README and the pinned screen show different times, so the test removes all digits.
    let steps = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let steps =
            text.lines().filter(|line| line.starts_with("gate: ") || line.starts_with("close: attaching"));
        steps.map(|line| line.replace(|character: char| character.is_ascii_digit(), "")).collect()
    };
    let pinned = steps("tests/cli/screens/open-to-close.txt");
    assert!(!pinned.is_empty(), "the pinned screen should have steps");
    assert_eq!(steps("README.md"), pinned);
}
